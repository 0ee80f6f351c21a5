import Kubernetes

/// From a pod to a job: pure, and the only place that knows how.
enum PodTranslation {
  /// PBS takes names of up to 230 characters (PBS_MAXJOBNAME less what arrays add); a
  /// pod's may have 253. All that a pod's name may consist of is allowed in a job's.
  static let nameLimit = 230
  /// The longest walltime, seconds: a PBS 23.06.06 was seen to refuse 2^63 - 1 and to take this.
  static let walltimeLimit = 4_294_967_295

  /// The job that stands for a pod.
  /// - Throws: ``Refusal`` with all causes, when the pod asks for something that PBS would not
  ///   honour, or has to wait.
  static func job(
    for pod: Pod, in context: TranslationContext
  ) throws(Refusal) -> JobDescription {
    let policy = context.policy
    let names = PodNames(pod, cluster: context.cluster)
    let needs = ClaimNeeds(pod, context)
    let place = Placement(pod, selectedNodes: needs.selectedNodes, hostMap: context.hostMap)
    var causes = names.causes + unsupported(pod) + needs.causes + place.causes
    var request: [String: Quantity] = [:]
    do throws(Refusal) {
      request = try EffectiveRequest.of(pod, defaults: policy.defaults)
    } catch {
      causes += error.causes
    }
    var others: [String: Quantity] = [:]
    for (name, quantity) in request where name != "cpu" && name != "memory" && quantity > .zero {
      if let resource = policy.resources[name] {
        others[resource] = others[resource, default: .zero] + quantity
      } else {
        causes.append("the resource \(name) has no counterpart in PBS (pbs-broker.resources)")
      }
    }
    let waits = needs.waits + place.waits
    guard causes.isEmpty, waits.isEmpty else {
      var refusal = Refusal(causes.isEmpty ? .waits : .cannot, causes: causes + waits)
      refusal.dependsOnHosts = place.dependsOnHosts
      throw refusal
    }
    let chunk = JobDescription.Chunk(
      ncpus: max(request["cpu"] ?? .zero, policy.leastCPU).roundedUp,
      memory: max(request["memory"] ?? .zero, policy.leastMemory).roundedUp,
      host: place.host, others: others.mapValues(\.roundedUp))
    return JobDescription(
      name: String(pod.metadata.name.prefix(nameLimit)), chunks: [chunk],
      walltime: walltime(pod, policy), queue: policy.queue, environment: names.environment)
  }

  /// Seconds. kubelet counts activeDeadlineSeconds from when it has seen the pod, later than PBS.
  private static func walltime(_ pod: Pod, _ policy: TranslationPolicy) -> Int? {
    guard let deadline = pod.spec.activeDeadlineSeconds else { return nil }
    let (sum, overflow) = max(deadline, 0).addingReportingOverflow(max(policy.deadlineMargin, 0))
    return overflow ? walltimeLimit : min(sum, walltimeLimit)
  }

  /// A constraint that PBS cannot honour is never ignored. Those on the node are ``Placement``'s.
  private static func unsupported(_ pod: Pod) -> [String] {
    let spec = pod.spec
    var names: [String] = []
    if spec.affinity?.podAffinity?.requiredTerms ?? 0 > 0 { names.append("required podAffinity") }
    if spec.affinity?.podAntiAffinity?.requiredTerms ?? 0 > 0 {
      names.append("required podAntiAffinity")
    }
    for constraint in spec.topologySpreadConstraints ?? []
    where constraint.whenUnsatisfiable == "DoNotSchedule" {
      names.append("topologySpreadConstraint \(constraint.topologyKey)")
    }
    names += (spec.resourceClaims ?? []).map { "resourceClaim \($0.name)" }
    if let os = spec.os, os.name != "linux" { names.append("os \(os.name)") }
    if let group = spec.schedulingGroup {
      names.append(
        (["schedulingGroup"] + [group.podGroupName].compactMap(\.self)).joined(separator: " "))
    }
    if let workload = spec.workloadRef { names.append("workloadRef \(workload.name)") }
    for container in spec.containers + (spec.initContainers ?? []) {
      names += (container.ports ?? []).compactMap(\.hostPort)
        .map { "hostPort \($0) of container \(container.name)" }
    }
    return names.map { "\($0) cannot be honoured by PBS" }
      + pod.oversized.map { "\($0) is too large to be honoured by PBS" }
  }
}
