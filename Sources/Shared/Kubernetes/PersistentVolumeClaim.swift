/// A PersistentVolumeClaim of the API (core/v1), of which only what a ``VolumeClaim`` needs is kept.
public struct PersistentVolumeClaim: Decodable, Sendable, Equatable {
  /// What can be said without its class: `waitsForConsumer` is false here.
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
      namespace: metadata.namespace, name: metadata.name, isBound: status?.phase == "Bound",
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

  private enum Key: CodingKey { case metadata, volumeBindingMode }
  private struct Metadata: Decodable { var name: String }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(Metadata.self, forKey: .metadata).name
    waitsForConsumer =
      try container.decodeIfPresent(String.self, forKey: .volumeBindingMode)
      == "WaitForFirstConsumer"
  }
}
