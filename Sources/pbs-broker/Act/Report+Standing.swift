import Kubernetes
import Messages
import Text

extension BrokerMessage.Report {
  /// Whether a pod's PodScheduled condition says this. Numbers do not count, which ``ReportThrottle``
  /// and binders leave as they are for a while, but the job does.
  /// - Parameter pod: as kube-watcher tells it. One that does not wait is told nothing in this way;
  ///   of one that is not known, nothing is missing.
  func stands(on pod: Pod?) -> Bool {
    guard unscheduled, let pod, pod.nodeName == nil, !pod.isTerminating, !pod.isFinished else {
      return true
    }
    guard let shown = pod.status?.conditions?.first(where: { $0.type == "PodScheduled" }),
      shown.status == "False", let text = shown.message
    else { return false }
    let wanted = PlainText.escaped(message, limit: PlainText.conditionLimit)
    if text == wanted { return true }
    if let job, Self.names(job, wanted), !Self.names(job, text) { return false }
    return ReportThrottle.withoutNumbers(text) == ReportThrottle.withoutNumbers(wanted)
  }

  private static func names(_ job: String, _ text: String) -> Bool {
    text.split(separator: " ").contains { $0.hasPrefix(job) }
  }
}
