/// A PersistentVolumeClaim as far as it matters for placing a pod (core/v1 PersistentVolumeClaim,
/// with what its StorageClass says).
public struct VolumeClaim: Codable, Sendable, Equatable {
  public var namespace: String
  public var name: String
  /// Bound to a volume (status.phase Bound).
  public var isBound: Bool
  /// Its class has volumeBindingMode WaitForFirstConsumer: it is bound only after a scheduler has
  /// chosen a node.
  public var waitsForConsumer: Bool
  /// The node in its annotation volume.kubernetes.io/selected-node, where it has one.
  public var selectedNode: String?
  /// One of its access modes is ReadWriteOncePod: one pod at a time may use it.
  public var isForOnePod: Bool

  public init(
    namespace: String, name: String, isBound: Bool = false, waitsForConsumer: Bool = false,
    selectedNode: String? = nil, isForOnePod: Bool = false
  ) {
    self.namespace = namespace
    self.name = name
    self.isBound = isBound
    self.waitsForConsumer = waitsForConsumer
    self.selectedNode = selectedNode
    self.isForOnePod = isForOnePod
  }

  /// "namespace/name".
  public var fullName: String { "\(namespace)/\(name)" }
}
