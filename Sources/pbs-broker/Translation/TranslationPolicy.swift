import Kubernetes

/// The site's choices in turning pods into jobs.
struct TranslationPolicy: Sendable {
  /// Where ``namespaces`` says nothing.
  var base = NamespacePolicy()
  /// nil when all namespaces are served, and all alike.
  var namespaces: NamespacePolicies?
  /// Users of PBS whose jobs cannot be submitted, and why.
  var closedUsers: [String: String] = [:]
  /// Users of PBS of whom nothing is known at the moment, and why.
  var unclearUsers: [String: String] = [:]
  /// What a pod's job holds at the least, whatever the pod asks for: pods of no CPU and no memory
  /// would fill a host for nothing.
  var leastCPU = Quantity(nano: 1_000_000_000)
  /// The same of memory; 1 MiB.
  var leastMemory = Quantity(nano: 1_048_576 * 1_000_000_000)
  /// PBS's counterparts by Kubernetes resource names, for all but memory. cpu is ncpus, rounded up,
  /// where it is not here.
  var resources: [String: Counterpart] = [:]
  /// PBS resources by labels of nodes.
  var nodeLabels: [String: String] = [:]
  /// Keys of taints that keep no pod of PBS off.
  var ignoredTaints: Set<String> = []
  /// What a pod asks PBS for that tolerates no taint of this key.
  var taintResources: [String: (name: String, value: String)] = [:]
  /// What a priority class means, by its name.
  var priorityClasses: [String: JobOptions] = [:]
  /// Seconds by which a job may run longer than its pod's activeDeadlineSeconds: kubelet, not PBS,
  /// is to end the pod, and counts from a later moment.
  var deadlineMargin = 300

  /// What stands for a Kubernetes resource in PBS.
  enum Counterpart: Sendable, Equatable {
    /// Nothing: it is no matter of PBS.
    case ignored
    /// A PBS resource, and how much of the Kubernetes resource one of it is; rounded up.
    case resource(String, unit: Quantity = Quantity(nano: 1_000_000_000))
  }

  /// What holds for a namespace; nil when it is left out.
  func policy(for namespace: String) -> NamespacePolicy? {
    guard let namespaces else { return base }
    return namespaces.policy(for: namespace)
  }
}
