import Messages

/// Whose a job is, by what only its owner's submission can have written.
enum JobOwnership: Sendable, Equatable {
  /// Submitted by our user, for a pod of this cluster and of our scheduler names.
  case ours
  /// Submitted by our user for a pod, by a version that did not write whose it is: the job of the
  /// pod that it names, when we know that pod, and nobody's else.
  case unmarked
  /// Another user's, another cluster's, another connector's, or no pod's: never touched.
  case foreign

  /// - Parameters:
  ///   - user: PBS's name for us.
  ///   - cluster: nil while kube-watcher has not told it; then no job is known to be another
  ///     cluster's, and nothing may be decided on the answer.
  static func of(_ job: Job, user: String, cluster: Cluster?) -> JobOwnership {
    guard job.pod != nil, job.isOwned(by: user) else { return .foreign }
    guard let id = job.cluster else { return .unmarked }
    guard let cluster else { return .ours }
    guard id == cluster.id else { return .foreign }
    guard let scheduler = job.scheduler, !cluster.schedulerNames.contains(scheduler) else {
      return .ours
    }
    return .foreign
  }
}
