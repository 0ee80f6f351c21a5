/// A PersistentVolumeClaim of the API (core/v1), of which only what a ``VolumeClaim`` needs is kept.
public struct PersistentVolumeClaim: Decodable, Sendable, Equatable {
  /// What can be said without its class: nothing here is of that.
  public let claim: VolumeClaim
  /// Its storage class; empty for none. A claim that names none is given the default class by the
  /// API server and the controllers, or has none for good: nothing is guessed here.
  /// (component-helpers storage/volume: GetPersistentVolumeClaimClass.)
  public let className: String
  /// The volume that it is bound to, or to be bound to.
  public let volumeName: String?

  private enum Key: CodingKey { case metadata, spec, status }
  private struct Metadata: Decodable {
    var name: String
    var namespace: String
    var uid: String?
    var annotations: Annotations?
    var deletionTimestamp: String?
    var ownerReferences: [OwnerReference]?
  }
  private struct Annotations: Decodable {
    var selectedNode: String?
    var className: String?
    enum CodingKeys: String, CodingKey {
      case selectedNode = "volume.kubernetes.io/selected-node"
      case className = "volume.beta.kubernetes.io/storage-class"
    }
  }
  private struct Spec: Decodable {
    var accessModes: [String]?
    var storageClassName: String?
    var volumeName: String?
  }
  private struct Status: Decodable {
    var phase: String?
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let metadata = try container.decode(Metadata.self, forKey: .metadata)
    let spec = try container.decode(Spec.self, forKey: .spec)
    let status = try container.decodeIfPresent(Status.self, forKey: .status)
    claim = VolumeClaim(
      namespace: metadata.namespace, name: metadata.name, uid: metadata.uid,
      isBound: status?.phase == "Bound",
      selectedNode: metadata.annotations?.selectedNode,
      isForOnePod: spec.accessModes?.contains("ReadWriteOncePod") ?? false,
      isTerminating: metadata.deletionTimestamp == nil ? nil : true,
      controller: metadata.ownerReferences?.first { $0.controller == true }?.uid ?? "")
    volumeName = spec.volumeName.flatMap { $0.isEmpty ? nil : $0 }
    className = metadata.annotations?.className ?? spec.storageClassName ?? ""
  }
}

/// A StorageClass of the API (storage.k8s.io/v1), as far as it matters for placing a pod.
public struct StorageClass: Decodable, Sendable, Equatable {
  public let name: String
  /// Its claims are bound only after a scheduler has chosen a node.
  public let waitsForConsumer: Bool
  public let provisioner: String?
  /// The nodes for which volumes of it can be provisioned; nil for all. (core/v1 allowedTopologies;
  /// component-helpers scheduling/corev1, MatchTopologySelectorTerms.)
  public let topology: NodeSelector?

  private enum Key: CodingKey { case metadata, volumeBindingMode, provisioner, allowedTopologies }
  private struct Metadata: Decodable { var name: String }
  private struct Term: Decodable { var matchLabelExpressions: [Requirement]? }
  private struct Requirement: Decodable {
    var key: String
    var values: [String]
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(Metadata.self, forKey: .metadata).name
    waitsForConsumer =
      try container.decodeIfPresent(String.self, forKey: .volumeBindingMode)
      == "WaitForFirstConsumer"
    provisioner = try container.decodeIfPresent(String.self, forKey: .provisioner)
    let terms = try container.decodeIfPresent([Term].self, forKey: .allowedTopologies) ?? []
    topology = terms.isEmpty ? nil : Self.selector(terms)
  }

  private static func selector(_ terms: [Term]) -> NodeSelector {
    let selector = NodeSelector(
      nodeSelectorTerms: terms.map { term in
        NodeSelectorTerm(
          matchExpressions: term.matchLabelExpressions?.map {
            NodeSelectorRequirement(key: $0.key, operator: "In", values: $0.values)
          })
      })
    return selector.weight > PodSpec.limit ? .nowhere : selector
  }
}
