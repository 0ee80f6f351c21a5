/// What is told of a job that waits, or is being started.
extension Reconciliation {
  /// Why a pod's job does not run yet, in PBS's words where it has some; nil while it may still say
  /// them.
  /// - Parameter isUnexplained: PBS has not said anything for long enough.
  static func waitingWords(_ job: Job, isUnexplained: Bool) -> String? {
    let comment = job.comment.flatMap { $0.isEmpty ? nil : $0 }
    switch job.state {
    case .held: return "held (\(job.holdTypes ?? "?"))" + (comment.map { ": \($0)" } ?? "")
    case .moved: return "moved to another server, where it is not followed"
    case .suspended, .userSuspended: return "suspended"
    case .exiting, .begun, .finished, .expired: return nil
    case .running:
      guard isUnexplained else { return nil }
      let host = job.host.map { " on \($0)" } ?? ""
      return
        "PBS is starting it\(host), which takes long (substate \(job.substate)): a prologue, a hook, or a host that does not report?"
    case .waiting: return comment ?? "waits for its begin-time"
    case .queued, .transit:
      guard comment == nil, isUnexplained else { return comment }
      let queue = job.queue.map { " of \($0)" } ?? ""
      return
        "waits in the queue\(queue), and PBS does not say why: is its scheduler at work (qmgr -c 'list server scheduling'), or that queue a stopped routing queue?"
    }
  }
}
