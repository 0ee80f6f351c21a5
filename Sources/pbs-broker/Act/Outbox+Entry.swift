import Messages
import Runtime

extension Outbox {
  /// What binders are asked for about one pod, and what came of it.
  final class Entry {
    var message: BrokerMessage?
    /// Told with the message, and repeated by its outcome: a late answer to an older message is
    /// told apart, also where both say the same.
    var id = 0
    var isAnswered = false
    var throttle = ReportThrottle()
    var backoff: Backoff
    var retryTimer: (any Timer)?
    /// What the last failure said; the same words are logged once.
    var complaint: String?
    /// The binder that was last found to be the one to answer, and since when; monotonic seconds.
    var asked: (binder: String, since: Double)?
    /// The binder that refused what the pod is told of now, and since when that was asked of it.
    var refused: (binder: String, since: Double)?
    /// The binder that has answered, and when.
    var answer: (binder: String, at: Double)?
    /// It was answered that there is no such pod, which kube-watcher tells of all the same.
    var isAnsweredGone = false
    /// Seconds after which what was answered must show.
    var belief: Double

    init(belief: Double, jitter: Jitter) {
      self.belief = belief
      backoff = Backoff(first: 0.5, longest: 300, jitter: jitter)
    }
  }
}
