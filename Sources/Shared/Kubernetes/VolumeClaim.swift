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
  /// It has been deleted, and goes when no pod uses it any more: no further one may.
  public var isTerminating: Bool?
  /// The UID of its controller, empty for none: of a generic ephemeral volume's claim the pod that it
  /// was made for. nil from a kube-watcher of an older release.
  public var controller: String?
  /// What it is bound to; nil while it is not, and where nobody tells of volumes.
  public var volume: Volume?

  /// A PersistentVolume, as far as it matters for placing a pod.
  public struct Volume: Codable, Sendable, Equatable {
    /// The nodes from which it can be reached (spec.nodeAffinity.required); nil for all.
    public var nodes: NodeSelector?

    public init(nodes: NodeSelector? = nil) {
      self.nodes = nodes
    }
  }

  public init(
    namespace: String, name: String, isBound: Bool = false, waitsForConsumer: Bool = false,
    selectedNode: String? = nil, isForOnePod: Bool = false, isTerminating: Bool? = nil,
    controller: String? = nil, volume: Volume? = nil
  ) {
    self.namespace = namespace
    self.name = name
    self.isBound = isBound
    self.waitsForConsumer = waitsForConsumer
    self.selectedNode = selectedNode
    self.isForOnePod = isForOnePod
    self.isTerminating = isTerminating
    self.controller = controller
    self.volume = volume
  }

  /// "namespace/name".
  public var fullName: String { "\(namespace)/\(name)" }
}
