import Kubernetes
import Text

/// From a pod to a job: pure, and the only place that knows how.
enum PodTranslation {
  /// PBS takes names of up to 230 characters (PBS_MAXJOBNAME less what arrays add); a
  /// pod's may have 253. All that a pod's name may consist of is allowed in a job's.
  static let nameLimit = 230
  /// The longest walltime, seconds: a PBS 23.06.06 was seen to refuse 2^63 - 1 and to take this.
  static let walltimeLimit = 4_294_967_295

  /// The job that stands for a pod.
  /// - Throws: ``Refusal`` with all causes, when the pod asks for something that PBS would not
  ///   honour or that the site does not allow, or has to wait.
  static func job(
    for pod: Pod, in context: TranslationContext
  ) throws(Refusal) -> JobDescription {
    try outcome(for: pod, in: context).job.get()
  }

  /// What becomes of a pod, and what has decided it.
  struct Outcome {
    var job: Result<JobDescription, Refusal>
    /// nil where the pod's namespace is left out.
    var namespace: NamespacePolicy?
    var options = JobOptions()
  }

  static func outcome(for pod: Pod, in context: TranslationContext) -> Outcome {
    let policy = context.policy
    let name = pod.metadata.namespace ?? "default"
    guard let namespace = policy.policy(for: name) else {
      let words = "namespace \(PlainText.quoted(name)) is left out (pbs-broker.namespaces)"
      return Outcome(job: .failure(Refusal(words)))
    }
    let names = PodNames(pod, cluster: context.cluster)
    let needs = ClaimNeeds(pod, context)
    let place = Placement(
      pod, selectedNodes: needs.selectedNodes, volumes: needs.volumes, hostMap: context.hostMap,
      labels: policy.nodeLabels)
    let tolerance = Tolerance(pod, host: place.host, in: context)
    let chosen = PodOptions(pod, namespace, policy)
    let options = chosen.options
    let dependencies = ResolvedDependencies(
      options.depend?.value ?? [], server: context.server
    ) {
      context.namedPods[$0] ?? .unknown
    }
    var causes =
      names.causes + impossible(pod) + needs.causes + place.causes + chosen.causes
      + dependencies.causes
    let user = userObstacle(namespace, name, policy)
    causes += user.causes
    var request: [String: Quantity] = [:]
    do throws(Refusal) {
      request = try EffectiveRequest.of(pod, defaults: namespace.defaults)
    } catch {
      causes += error.causes
    }
    let resources = ChunkResources(request, namespace, policy)
    causes += resources.causes
    let ignorable = unsupported(pod) + resources.unsupported
    if namespace.ignoresUnsupported == nil { causes += ignorable }
    for (name, value) in place.resources {
      guard let asked = options.select[name], asked.value != value else { continue }
      causes.append("\(asked.source) asks for \(name)=\(asked.value), a node label for \(value)")
    }
    for (name, value) in tolerance.resources {
      guard let asked = options.select[name]?.value ?? place.resources[name], asked != value
      else { continue }
      causes.append("it asks for \(name)=\(asked), and without a toleration for \(value)")
    }
    let waits =
      needs.waits + place.waits + tolerance.waits + dependencies.waits + user.waits
    guard causes.isEmpty, waits.isEmpty else {
      var refusal = Refusal(causes.isEmpty ? .waits : .cannot, causes: causes + waits)
      refusal.dependsOnHosts = place.dependsOnHosts
      return Outcome(job: .failure(refusal), namespace: namespace, options: options)
    }
    let chunk = JobDescription.Chunk(
      ncpus: resources.ncpus, memory: resources.memory, host: place.host,
      others: resources.others,
      words: options.select.mapValues(\.value).merging(place.resources) { own, _ in own }
        .merging(tolerance.resources) { own, _ in own })
    let job = JobDescription(
      name: options.jobName?.value ?? String(pod.metadata.name.prefix(nameLimit)),
      chunks: [chunk], walltime: options.walltime?.value,
      queue: options.reservation?.value ?? options.queue?.value, environment: names.environment,
      project: options.project?.value, account: options.account?.value,
      group: options.group?.value, priority: options.priority?.value,
      place: options.place?.value, resources: options.resources.mapValues(\.value),
      user: namespace.user?.value,
      onlyHost: tolerance.onlyHost ?? context.hostMap.onlyHost(avoiding: context.avoidedNodes),
      isHeld: options.hold?.value ?? false, depend: dependencies.text,
      dependsOn: options.depend?.value.map(\.text).joined(separator: ","),
      beginTime: options.beginTime?.value,
      ignored: namespace.ignoresUnsupported.map { key in
        Set(ignorable).sorted().map { "\($0), and is ignored (\(key))" }
      } ?? [],
      hasOwnTerms: !options.hasSameTerms(as: policy.base.options)
        || namespace.user?.value != policy.base.user?.value)
    return Outcome(job: .success(job), namespace: namespace, options: options)
  }

  /// Why its jobs cannot be those of the namespace's user, for good or at the moment.
  private static func userObstacle(
    _ namespace: NamespacePolicy, _ name: String, _ policy: TranslationPolicy
  ) -> (causes: [String], waits: [String]) {
    guard let user = namespace.user else { return ([], []) }
    let words = "jobs of namespace \(name) are to be PBS user \(user.value)'s (\(user.source))"
    if let reason = policy.closedUsers[user.value] {
      return (["\(words), which pbs-broker cannot be: \(reason)"], [])
    }
    guard let reason = policy.unclearUsers[user.value] else { return ([], []) }
    return ([], ["\(words): \(reason)"])
  }

  /// A constraint that PBS cannot honour is never ignored, where the site does not say so. Those on
  /// the node are ``Placement``'s.
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
  }

  /// Without which kubelet would not run the pod either.
  private static func impossible(_ pod: Pod) -> [String] {
    var names = (pod.spec.resourceClaims ?? []).map { "resourceClaim \($0.name)" }
    if let os = pod.spec.os, os.name != "linux" { names.append("os \(os.name)") }
    return names.map { "\($0) cannot be honoured by PBS" }
      + pod.oversized.map { "\($0) is too large to be honoured by PBS" }
  }
}
