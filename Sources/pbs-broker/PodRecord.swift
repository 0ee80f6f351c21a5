import Shared

/// What the broker knows of one pod, and what it is doing about it. All of it can be
/// rebuilt from Kubernetes and PBS.
@EventLoop
final class PodRecord {
  let uid: String
  /// nil while only jobs with this UID are known.
  var pod: Pod?
  /// Kubernetes has said that the pod object no longer exists.
  var isGone = false
  /// The broker that is to act on the pod.
  var owner: String?
  /// When the pod was first seen on a node; monotonic seconds.
  var boundSince: Double?
  /// When a job was first seen without its pod; monotonic seconds.
  var withoutPodSince: Double?

  /// Ids of its jobs that have not ended.
  var jobs: Set<String> = []
  /// Its jobs that have, by PBS's own word.
  var ended: [EndedJob] = []

  /// A submission waits in the queue, or is under way.
  var isSubmitting = false
  /// No submission before a look at PBS that began after this moment: another broker, or
  /// a command of which we heard no end, may have submitted a job.
  var lookNeededAfter: Double?
  /// No submission before this moment, after a failure.
  var notBefore = 0.0
  var backoff = Backoff(first: 1, longest: 300)
  /// The same while qsub does not answer.
  var unansweredBackoff = Backoff(first: 1, longest: 10)
  /// What PBS said when it refused the last submission.
  var refusal: String?

  /// What a binder is to do, and whether one has answered.
  var message: BrokerMessage?
  var isAnswered = false
  /// When the last report was made; monotonic seconds.
  var reportedAt = 0.0
  var retryBackoff = Backoff(first: 0.5, longest: 30)
  var retryTimer: EventSource?
  var submitTimer: EventSource?

  init(uid: String) {
    self.uid = uid
  }

  /// A look at PBS that began at this moment has been taken in.
  /// - Returns: whether a submission waited for it.
  @discardableResult
  func lookTaken(begun: Double) -> Bool {
    guard let after = lookNeededAfter, begun >= after else { return false }
    lookNeededAfter = nil
    return true
  }

  /// For the logs.
  var name: String { pod?.fullName ?? "with UID \(uid)" }
}

/// What the broker knows of one job that has not ended.
struct JobRecord {
  var job: Job
  /// When it was told by PBS, or by qsub, first; monotonic seconds.
  var addedAt: Double
  /// When PBS told all of it last; monotonic seconds.
  var statAt: Double
  /// When the command that told it last began, so that what it says is not older; monotonic
  /// seconds.
  var statBegan = 0.0
  /// When its deletion was asked for last.
  var deletedAt: Double?
  /// Its start has been logged.
  var isAnnounced = false
  /// PBS does not know it, with many others: whether it has ended is doubted.
  var hasVanished = false

  /// A pod may be bound to it; a suspended job keeps its host.
  var isOnHost: Bool { job.isRunning || job.isSuspended }
}
