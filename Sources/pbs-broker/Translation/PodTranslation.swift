import Shared

/// From a pod to a job: pure, and the only place that knows how.
enum PodTranslation {
  /// PBS takes names of up to 230 characters (PBS_MAXJOBNAME less what arrays add); a
  /// pod's may have 253.
  static let nameLimit = 230

  /// The job that stands for a pod.
  /// - Throws: ``Refusal`` when the pod asks for something that PBS would not honour.
  static func job(
    for pod: Pod, policy: TranslationPolicy, hostOf: (String) -> String?
  ) throws(Refusal) -> JobDescription {
    try refuseUnsupported(pod)
    let request = try EffectiveRequest.of(pod, defaults: policy.defaults)
    var others: [String: Quantity] = [:]
    for (name, quantity) in request where name != "cpu" && name != "memory" && quantity > .zero {
      guard let resource = policy.resources[name] else {
        throw Refusal("the resource \(name) has no counterpart in PBS (pbs-broker.resources)")
      }
      others[resource] = others[resource, default: .zero] + quantity
    }
    let chunk = JobDescription.Chunk(
      ncpus: request["cpu"]?.roundedUp ?? 0,
      memory: request["memory"].map(\.roundedUp),
      host: try host(of: pod, hostOf), others: others.mapValues(\.roundedUp))
    return JobDescription(
      name: String(pod.metadata.name.prefix(nameLimit)), chunks: [chunk],
      walltime: pod.spec.activeDeadlineSeconds, queue: policy.queue,
      environment: [
        (WellKnown.podUID, pod.metadata.uid ?? ""),
        (WellKnown.podName, pod.metadata.name),
        (WellKnown.podNamespace, pod.metadata.namespace ?? "default"),
      ])
  }

  /// A constraint that PBS cannot honour is never ignored.
  private static func refuseUnsupported(_ pod: Pod) throws(Refusal) {
    let spec = pod.spec
    if let member = pod.oversized.first { throw Refusal("\(member) is too large") }
    for (label, _) in spec.nodeSelector ?? [:] where label != WellKnown.hostnameLabel {
      throw Refusal("nodeSelector \(label) cannot be honoured by PBS")
    }
    if spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution != nil {
      throw Refusal("required nodeAffinity cannot be honoured by PBS")
    }
    if spec.affinity?.podAffinity?.requiredTerms ?? 0 > 0 {
      throw Refusal("required podAffinity cannot be honoured by PBS")
    }
    if spec.affinity?.podAntiAffinity?.requiredTerms ?? 0 > 0 {
      throw Refusal("required podAntiAffinity cannot be honoured by PBS")
    }
    for constraint in spec.topologySpreadConstraints ?? []
    where constraint.whenUnsatisfiable == "DoNotSchedule" {
      throw Refusal("topologySpreadConstraint \(constraint.topologyKey) cannot be honoured by PBS")
    }
    if let claim = spec.resourceClaims?.first {
      throw Refusal("resourceClaim \(claim.name) cannot be honoured by PBS")
    }
    for container in spec.containers + (spec.initContainers ?? []) {
      if let port = container.ports?.compactMap(\.hostPort).first(where: { $0 > 0 }) {
        throw Refusal("hostPort \(port) of container \(container.name) cannot be honoured by PBS")
      }
    }
  }

  private static func host(
    of pod: Pod, _ hostOf: (String) -> String?
  ) throws(Refusal) -> String? {
    guard let node = pod.spec.nodeSelector?[WellKnown.hostnameLabel] else { return nil }
    guard let host = hostOf(node) else {
      throw Refusal(
        "nodeSelector \(WellKnown.hostnameLabel): no node \(node) that is a host of PBS")
    }
    return host
  }
}
