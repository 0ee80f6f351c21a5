import Messages

/// A job that runs on a node which has no room for the pod.
extension Reconciliation {
  /// The pod is not bound, since its kubelet would reject it for good. What is about to go may make
  /// room; when it does not, the job gives its place back.
  static func noRoom(
    _ shortage: Situation.Shortage, _ job: Job, _ reference: PodReference,
    _ decision: inout Decision
  ) {
    var words = "job \(job.id) \(shortage.words)"
    if shortage.isOverdue {
      decision.deletions.append(.init(job: job.id, reason: "it \(shortage.words)"))
      decision.released = .init(job: job.id, words: shortage.words)
      words += "; the job is released, and another is submitted later"
    }
    decision.message = .report(report(reference, job.id, words))
  }
}
