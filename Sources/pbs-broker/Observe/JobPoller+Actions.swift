import Runtime

extension JobPoller {
  /// What others are told.
  struct Actions {
    /// PBS has said that a job ended: id, words, the pod's UID where the job names it.
    var ended: @EventLoop (String, String, String?) -> Void
    /// PBS has moved a job to another server.
    var moved: @EventLoop (String) -> Void = { _ in }
    /// Whether we have asked for this job's deletion.
    var isDeleting: @EventLoop (String) -> Bool
    /// A full poll that began then has been entered; whether a job that it did not show is not
    /// there.
    var polled: @EventLoop (Double, Bool) -> Void
    /// Facts have been entered, or PBS has begun or ceased to answer.
    var changed: @EventLoop () -> Void
  }

  /// Whether a job that the listing should have is not in it.
  func isLeftOut(_ job: Job, of listing: JobListing, begun: Double) -> Bool {
    let isMeant =
      world.reliance == .required
      ? ProvenPod(job.proof) != nil : job.isOwned(by: backend.user)
    guard !listing.all.contains(job.id), isMeant else { return false }
    // Submitted after the listing had begun.
    if let known = world.jobs[job.id], known.addedAt >= begun { return false }
    return job.isWaiting || job.isRunning || job.isSuspended
  }
}

extension Job {
  /// Why it has ended, in PBS's words, or in ours where PBS has a number only.
  var lastWords: String {
    if state == .moved { return "it was moved to another server" }
    guard let status = exitStatus.map(ExitStatus.init) else {
      return comment ?? "PBS gives no reason"
    }
    guard let comment else {
      return "\(status.reason ?? "PBS gives no reason") (Exit_status \(status.code))"
    }
    return "\(comment) (\(status))"
  }
}
