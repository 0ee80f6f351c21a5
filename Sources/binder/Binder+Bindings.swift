import Messages

extension Binder {
  /// Says what has come of a binding, in the log and in an Event.
  func record(_ answer: PodActions.Answer, of bind: BrokerMessage.Bind) {
    switch answer.result {
    case .bound where answer.isNew:
      log.info(
        "successfully assigned \(bind.pod.fullName) to \(bind.node)",
        metadata: .about(pod: bind.pod.fullName, uid: bind.pod.uid, job: bind.job, host: bind.node))
      events.record(
        bind.pod, reason: "Scheduled",
        message: "Successfully assigned \(bind.pod.fullName) to \(bind.node) (job \(bind.job))",
        warning: false)
    case .conflict:
      log.warning(
        "pod \(bind.pod.fullName) is not bound to \(bind.node): \(answer.words ?? "")",
        metadata: .about(pod: bind.pod.fullName, uid: bind.pod.uid, job: bind.job, host: bind.node))
      events.record(
        bind.pod, reason: "FailedBinding",
        message: "job \(bind.job) runs on \(bind.node): \(answer.words ?? "")", warning: true)
    case .refused:
      log.error(
        "pod \(bind.pod.fullName) cannot be bound to \(bind.node): \(answer.words ?? "")",
        metadata: .about(pod: bind.pod.fullName, uid: bind.pod.uid, job: bind.job, host: bind.node))
    default:
      break
    }
  }
}
