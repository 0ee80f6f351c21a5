import Kubernetes
import Text

/// What a node is to show of its PBS host: the taint ``WellKnown/offlineTaint``, and labels.
public struct MarkNode: Codable, Sendable, Equatable {
  public var node: NodeReference
  /// The taint's value, "down" or "offline"; nil: the node is to be without the taint.
  public var offline: String?
  /// Whether anything is said of the taint; false: it is left as it is.
  public var setsTaint: Bool
  /// Labels by key; nil: the node is to be without that label.
  public var labels: [String: String?]
  /// Why, for the log.
  public var reason: String

  public init(
    node: NodeReference, setsTaint: Bool, offline: String? = nil, labels: [String: String?] = [:],
    reason: String
  ) {
    self.node = node
    self.setsTaint = setsTaint
    self.offline = offline
    self.labels = labels
    self.reason = reason
  }

  private enum CodingKeys: String, CodingKey { case node, offline, setsTaint, labels, reason }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    node = try fields.decode(NodeReference.self, forKey: .node)
    offline = try fields.decodeIfPresent(String.self, forKey: .offline)
    setsTaint = try fields.decodeIfPresent(Bool.self, forKey: .setsTaint) ?? false
    labels = try fields.decodeIfPresent([String: String?].self, forKey: .labels) ?? [:]
    reason = try fields.decodeIfPresent(String.self, forKey: .reason) ?? ""
  }

  /// Why no honest broker sends this; nil when nothing is wrong with it.
  var problem: String? {
    if let problem = node.problem { return problem }
    if let offline, !KubernetesName.isLabelValue(offline) {
      return "\(PlainText.quoted(offline)) is no taint's value"
    }
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
      if !MarkNode.mayLabel(key) { return "\(PlainText.quoted(key)) is no label for it to set" }
      if let value, !KubernetesName.isLabelValue(value) {
        return "\(PlainText.quoted(value)) is no label's value"
      }
    }
    return nil
  }

  /// Whether a label of this key may be set: one with a prefix that is not Kubernetes' own.
  public static func mayLabel(_ key: String) -> Bool {
    guard KubernetesName.isQualifiedName(key), let slash = key.firstIndex(of: "/") else {
      return false
    }
    let prefix = key[..<slash]
    return !["kubernetes.io", "k8s.io"].contains { prefix == $0 || prefix.hasSuffix(".\($0)") }
  }
}

extension BinderMessage {
  /// What has become of a ``MarkNode``.
  public struct NodeOutcome: Codable, Sendable, Equatable {
    public var node: NodeReference
    /// The id of the message that this answers.
    public var id: Int?
    public var result: Result
    /// The API server's words, where there were some.
    public var message: String?

    public enum Result: String, Codable, Sendable {
      /// The node is as it was asked for, by this request or before.
      case marked
      /// No node of this UID exists.
      case gone
      /// The API server refuses, and will again.
      case refused
      /// It did not work now.
      case retry
    }

    public init(node: NodeReference, id: Int? = nil, result: Result, message: String? = nil) {
      self.node = node
      self.id = id
      self.result = result
      self.message = message
    }
  }
}
