/// A pod on a node, as far as it holds something there: all that is kept of pods that are not ours.
public struct HeldPod: Decodable, Sendable, Equatable {
  /// Whose a pod is. The words are those of the `node-use` message.
  public enum Holder: String, Sendable, CaseIterable {
    /// On the node whatever runs there: a DaemonSet's, or the node's own (a static pod).
    case daemons
    /// The stand-in of a native PBS job, whose place PBS counts as well. (WellKnown.nativeJob)
    case native
    case others
    /// Being deleted, whosever it is: what it holds is free soon.
    case leaving
  }

  public var uid: String
  public var node: String
  public var holder: Holder
  public var amounts: Amounts

  public init(uid: String, node: String, holder: Holder, amounts: Amounts) {
    self.uid = uid
    self.node = node
    self.holder = holder
    self.amounts = amounts
  }

  private enum Key: CodingKey { case metadata, spec }

  private struct Metadata: Decodable {
    struct Owner: Decodable {
      var kind: String
      var controller: Bool?
    }
    var uid: String
    var deletionTimestamp: String?
    var deletionGracePeriodSeconds: Int?
    var ownerReferences: [Owner]?
  }

  private struct Spec: Decodable {
    var nodeName: String?
    var schedulerName: String?
    var containers: [Container]?
    var initContainers: [Container]?
    var overhead: [String: String]?
    var resources: ResourceRequirements?
  }

  /// Reads a Kubernetes Pod object.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let metadata = try object.decode(Metadata.self, forKey: .metadata)
    let spec = try object.decode(Spec.self, forKey: .spec)
    uid = metadata.uid
    node = spec.nodeName ?? ""
    let controller = metadata.ownerReferences?.first { $0.controller == true }?.kind
    if metadata.deletionTimestamp != nil {
      holder = .leaving
    } else if spec.schedulerName == WellKnown.nativeSchedulerName {
      holder = .native
    } else if controller == "DaemonSet" || controller == "Node" {
      holder = .daemons
    } else {
      holder = .others
    }
    // As in Pod.isKeptByFinalizers: its kubelet counts it no more.
    let isOver = metadata.deletionTimestamp != nil && metadata.deletionGracePeriodSeconds == 0
    amounts =
      isOver
      ? Amounts()
      : Amounts(of: PodNeeds(spec.containers, spec.initContainers, spec.resources, spec.overhead))
  }
}
