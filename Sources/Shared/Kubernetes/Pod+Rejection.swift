extension Pod {
  /// The UID of the controller that makes another pod in its place, if there is one.
  public var controllerUID: String? {
    metadata.ownerReferences?.first { $0.controller == true }?.uid
  }

  /// Why its kubelet has rejected it; nil when it has not. A rejected pod has never run.
  /// (Kubernetes: reasons of pkg/kubelet/lifecycle and of the kubelet's admission handlers.)
  public var rejection: String? {
    guard status?.phase == "Failed", let reason = status?.reason else { return nil }
    return reason.hasPrefix("OutOf") || Self.rejections.contains(reason) ? reason : nil
  }

  private static let rejections: Set<String> = [
    "AppArmor", "InvalidNodeInfo", "NodeAffinity", "NodePorts", "NodeShutdown",
    "PodFeatureUnsupported", "PodLevelResourcesNotAdmittedReason", "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch", "SysctlForbidden", "TopologyAffinityError",
    "UnexpectedAdmissionError", "UnknownReason",
  ]
}
