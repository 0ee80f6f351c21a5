import Kubernetes

/// The site's choices in turning pods into jobs.
struct TranslationPolicy: Sendable {
  /// For containers without request and limit.
  var defaults: [String: Quantity] = [:]
  /// What a pod's job holds at the least, whatever the pod asks for: pods of no CPU and no memory
  /// would fill a host for nothing.
  var leastCPU = Quantity(nano: 1_000_000_000)
  /// The same of memory; 1 MiB.
  var leastMemory = Quantity(nano: 1_048_576 * 1_000_000_000)
  /// PBS resource names by Kubernetes resource names, for all but cpu and memory.
  var resources: [String: String] = [:]
  /// Where jobs go; nil for PBS's default queue.
  var queue: String?
  /// Seconds by which a job may run longer than its pod's activeDeadlineSeconds: kubelet, not PBS,
  /// is to end the pod, and counts from a later moment.
  var deadlineMargin = 300
}
