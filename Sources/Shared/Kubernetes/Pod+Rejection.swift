extension Pod {
  /// The UID of the controller that makes another pod in its place, if there is one.
  public var controllerUID: String? {
    metadata.ownerReferences?.first { $0.controller == true }?.uid
  }

  /// That a kubelet does not take a pod, or turned it out for want of room.
  public struct Rejection: Sendable, Equatable {
    /// Kubelet's word.
    public var reason: String
    /// It is about the node, which would reject others as well; else only about this pod.
    public var isOfNode: Bool

    /// The resource that the node lacks, by its Kubernetes name ("cpu" of OutOfcpu); nil where the
    /// reason is another one.
    public var lacked: String? {
      reason.hasPrefix("OutOf") ? String(reason.dropFirst("OutOf".count)) : nil
    }
  }

  /// Whether its kubelet has admitted it: it runs or has run, or kubelet has written its condition Ready,
  /// which it does before it pulls images, and not for a pod that it rejects.
  public var isTakenByKubelet: Bool {
    guard nodeName != nil, let status else { return false }
    return switch status.phase {
    case "Running", "Succeeded": true
    case "Pending": status.conditions?.contains { $0.type == "Ready" } ?? false
    default: false
    }
  }

  /// Why its kubelet has rejected it; nil when it has not. A pod of reason Evicted may have run:
  /// kubelet uses that word for pods under way and for new ones, while the node lacks memory or disk.
  /// (Kubernetes: reasons of pkg/kubelet/lifecycle, of pkg/kubelet/eviction and of kubelet's other
  /// admission handlers.)
  public var rejection: Rejection? {
    guard status?.phase == "Failed", let reason = status?.reason else { return nil }
    let isOfNode = reason.hasPrefix("OutOf") || Self.rejectionsOfNodes.contains(reason)
    guard isOfNode || Self.rejectionsOfPods.contains(reason) else { return nil }
    return Rejection(reason: reason, isOfNode: isOfNode)
  }

  private static let rejectionsOfNodes: Set<String> = [
    "Evicted", "InvalidNodeInfo", "NodeShutdown", "NodeUnschedulable",
  ]

  private static let rejectionsOfPods: Set<String> = [
    "AppArmor", "NodeAffinity", "NodeName", "NodePorts", "PodFeatureUnsupported",
    "PodLevelResourcesNotAdmittedReason", "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch", "SysctlForbidden", "TaintToleration",
    "TopologyAffinityError", "UnexpectedAdmissionError", "UnknownReason",
    "VolumeAttachmentLimitExceeded",
  ]
}
