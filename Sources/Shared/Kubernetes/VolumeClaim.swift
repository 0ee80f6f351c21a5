/// A PersistentVolumeClaim as far as it matters for placing a pod (core/v1 PersistentVolumeClaim,
/// with what its StorageClass says).
public struct VolumeClaim: Codable, Sendable, Equatable {
  public var namespace: String
  public var name: String
  /// nil from a kube-watcher of an older release.
  public var uid: String?
  /// Bound to a volume (status.phase Bound).
  public var isBound: Bool
  /// Its class has volumeBindingMode WaitForFirstConsumer: it is bound only after a scheduler has
  /// chosen a node. False for one that is not bound and names its volume: nobody chooses for it.
  public var waitsForConsumer: Bool
  /// While it waits for a consumer: the provisioner of its class. nil as for ``uid``.
  public var provisioner: String?
  /// While it waits for a consumer: the nodes for which its class lets volumes be provisioned
  /// (allowedTopologies); nil for all.
  public var topology: NodeSelector?
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
    namespace: String, name: String, uid: String? = nil, isBound: Bool = false,
    waitsForConsumer: Bool = false, provisioner: String? = nil, topology: NodeSelector? = nil,
    selectedNode: String? = nil, isForOnePod: Bool = false, isTerminating: Bool? = nil,
    controller: String? = nil, volume: Volume? = nil
  ) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
    self.isBound = isBound
    self.waitsForConsumer = waitsForConsumer
    self.provisioner = provisioner
    self.topology = topology
    self.selectedNode = selectedNode
    self.isForOnePod = isForOnePod
    self.isTerminating = isTerminating
    self.controller = controller
    self.volume = volume
  }

  /// "namespace/name".
  public var fullName: String { "\(namespace)/\(name)" }

  /// The nodes from which it can be used: those that reach its volume, or for which one can be
  /// provisioned; nil for all.
  public var reach: NodeSelector? {
    isBound ? volume?.nodes : waitsForConsumer ? topology : nil
  }

  /// A scheduler has to choose its volume among those that are there: nothing is provisioned.
  public var isStatic: Bool { waitsForConsumer && provisioner == WellKnown.noProvisioner }
}
