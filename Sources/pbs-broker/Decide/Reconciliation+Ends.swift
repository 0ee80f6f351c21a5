import Kubernetes
import Messages

/// What is told of a job's end.
extension Reconciliation {
  static func words(_ ended: EndedJob) -> String {
    "job \(ended.id) has ended: \(ended.words)"
  }

  /// Adds a word on a grace period that is longer than PBS lets a job's end take; nil where there is
  /// none, or something else is to be said.
  static func graceReport(
    _ pod: Pod, _ reference: PodReference, _ words: String?, _ decision: Decision
  ) -> Decision? {
    guard let words, decision.message == nil, !pod.isTerminating else { return nil }
    var decision = decision
    decision.message = .report(
      .init(
        pod: reference, job: nil, reason: "GracePeriodTooLong", message: words, warning: true,
        unscheduled: false))
    return decision
  }

  /// Tells in PBS's words of a pod's end that a hook has brought about: it has said so in the pod's
  /// condition, but an Event only binders write. nil when a binder has.
  static func end(
    of job: String?, _ pod: Pod, _ reference: PodReference, _ situation: Situation
  ) -> BrokerMessage? {
    guard let said = pod.saidOfJobsEnd, let ended = situation.ended.first(where: { $0.id == job }),
      !(situation.evictions + [words(ended)]).contains(said)
    else { return nil }
    return .report(
      .init(
        pod: reference, job: ended.id, reason: "JobEnded", message: words(ended), warning: true,
        unscheduled: false))
  }
}
