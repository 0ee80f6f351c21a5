import Messages

/// What of a job that waits follows its pod.
extension Reconciliation {
  static func plan(_ job: Job, _ situation: Situation) -> JobEdit.Plan {
    guard job.isWaiting, let asked = situation.asked[job.id],
      case .success(let wanted) = situation.translation
    else { return .none }
    return JobEdit.plan(
      job, asked: asked, wanted: wanted, canMove: !situation.immovable.contains(job.id))
  }

  /// Why a job is to be submitted anew, since PBS cannot change it as its pod has changed; nil when
  /// it is not.
  static func changedBeyondJob(_ job: Job, _ situation: Situation) -> String? {
    if case .anew(let words) = plan(job, situation) { words } else { nil }
  }

  /// Why a job is not as its pod asks: PBS does not change it, or the pod asks for what no job could
  /// be submitted with. nil when it is, or is about to be.
  static func unchangedWords(_ edit: JobEdit?, _ situation: Situation) -> String? {
    if let edit, let words = situation.refusedEdits[edit.job] {
      return "stays as it is, since PBS refuses to change it (\(edit.words)): \(words)"
    }
    guard case .failure(let refusal) = situation.translation, refusal.kind == .cannot else {
      return nil
    }
    return "stays as it was submitted: \(refusal)"
  }

  /// Tells that the pod was resized beyond what its job holds; nil when it was not.
  static func resized(
    _ job: Job, _ reference: PodReference, _ situation: Situation
  ) -> BrokerMessage? {
    guard job.isRunning, !job.chunks.isEmpty, case .success(let wanted) = situation.translation,
      case .less(let words) = wanted.fit(allocated: job.chunks, on: situation.hostMap)
    else { return nil }
    let message =
      "the pod was resized, and job \(job.id) cannot follow: it has \(words), which PBS knows nothing of"
    return .report(
      .init(
        pod: reference, job: job.id, reason: "ResizedBeyondJob", message: message, warning: true,
        unscheduled: false))
  }
}
