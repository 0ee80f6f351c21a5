/// What a pod's affinity requires. Preferences are not kept.
public struct Affinity: Codable, Sendable, Equatable {
  public var nodeAffinity: NodeAffinity?
  public var podAffinity: PodAffinity?
  public var podAntiAffinity: PodAffinity?
}

public struct NodeAffinity: Codable, Sendable, Equatable {
  public var requiredDuringSchedulingIgnoredDuringExecution: NodeSelector?
}

/// Terms of which one has to hold.
public struct NodeSelector: Codable, Sendable, Equatable {
  public var nodeSelectorTerms: [NodeSelectorTerm]
}

/// Requirements that have to hold together; none means no node.
public struct NodeSelectorTerm: Codable, Sendable, Equatable {
  /// On a node's labels.
  public var matchExpressions: [NodeSelectorRequirement]?
  /// On its fields, of which Kubernetes knows metadata.name alone.
  public var matchFields: [NodeSelectorRequirement]?
}

public struct NodeSelectorRequirement: Codable, Sendable, Equatable {
  public var key: String
  /// In, NotIn, Exists, DoesNotExist, Gt or Lt.
  public var `operator`: String
  public var values: [String]?

  public init(key: String, operator: String, values: [String]? = nil) {
    self.key = key
    self.operator = `operator`
    self.values = values
  }
}

/// How many terms of a pod (anti-)affinity are required. The terms are not translated; that there
/// are some is enough to refuse the pod.
public struct PodAffinity: Codable, Sendable, Equatable {
  public var requiredTerms: Int

  private enum APIKey: String, CodingKey { case requiredDuringSchedulingIgnoredDuringExecution }

  public init(requiredTerms: Int) {
    self.requiredTerms = requiredTerms
  }

  /// From the API's form, whose terms are counted, or from that of the `pod` message.
  public init(from decoder: any Decoder) throws {
    let message = try decoder.container(keyedBy: CodingKeys.self)
    if let count = try message.decodeIfPresent(Int.self, forKey: .requiredTerms) {
      requiredTerms = count
      return
    }
    let object = try decoder.container(keyedBy: APIKey.self)
    let key = APIKey.requiredDuringSchedulingIgnoredDuringExecution
    guard object.contains(key), try !object.decodeNil(forKey: key) else {
      requiredTerms = 0
      return
    }
    let terms = try object.nestedUnkeyedContainer(forKey: key)
    // Where a decoder does not know the number beforehand, one stands for all.
    requiredTerms = terms.count ?? (terms.isAtEnd ? 0 : 1)
  }
}
