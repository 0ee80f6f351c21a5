/// By what a job is believed to stand for a pod. The words are those of the configuration, there and
/// in the hooks (`proof`).
enum Reliance: String, CaseIterable, Sendable {
  /// It is our user's, and its variables name the pod.
  case owner
  /// PBS's server vouches for it: `Resource_List.k8s_pod`, which users cannot write, names the pod.
  case required
}
