import Shared

/// What the broker knows of one pod and of its jobs. All of it can be rebuilt from Kubernetes and
/// PBS. Moments are seconds on the monotonic clock.
@EventLoop
final class PodRecord {
  let uid: String
  /// As Kubernetes told it last; nil while only jobs with this UID are known.
  var pod: Pod?
  /// Kubernetes has said that the pod was deleted, or it was missing after it had finished or
  /// had been deleted.
  var isGone = false
  /// Since when jobs are known without their pod, or the pod is missing from what kube-watcher
  /// tells although nothing had ended it; nil while it is there.
  var missingSince: Double?
  /// The broker that is to act on the pod.
  var owner: String?
  /// When the pod was first seen on a node.
  var boundSince: Double?
  /// The job with which the pod was bound, once PBS has said that it is the pod's own.
  var boundJob: String?
  /// That job's run_count at the binding; nil as above.
  var boundRunCount: Int?
  /// Its requests have changed while it was on a node (an in-place resize).
  var isResized = false
  /// The job in the pod's annotation that turned out to be another's, or nobody's.
  var disownedJob: String?

  /// Ids of its jobs that have not ended.
  var jobs: Set<String> = []
  /// Its jobs that have, by PBS's own word; the last few.
  private(set) var ended: [EndedJob] = []

  /// A submission waits in the queue, or is under way.
  var isSubmitting = false
  /// No submission before a poll of PBS that began after this moment: another broker, or a
  /// command of which we heard no end, may have submitted a job.
  var pollNeededAfter: Double?
  /// No submission before this moment, after a failure.
  var notBefore = 0.0
  var backoff = Backoff(first: 1, longest: 300)
  /// The same while qsub does not answer, which is not the pod's fault.
  var unansweredBackoff = Backoff(first: 1, longest: 10)
  /// What was submitted last.
  var submitted: JobDescription?
  /// What PBS said when it refused the last submission.
  var refusal: String?
  /// Why its submission waited last for what was said of other pods; until a job is submitted, so
  /// that its owner is told one thing between the tries.
  var waitsFor: String?
  var submitTimer: EventSource?

  init(uid: String) {
    self.uid = uid
  }

  /// Whether the pod is there as far as we know.
  var isPresent: Bool { pod != nil && !isGone && missingSince == nil }

  func addEnded(_ job: EndedJob) {
    ended.append(job)
    if ended.count > 4 { ended.removeFirst() }
  }

  /// A poll of PBS that began at this moment has been taken in.
  /// - Returns: whether a submission waited for it.
  func pollTaken(begun: Double) -> Bool {
    guard let after = pollNeededAfter, begun >= after else { return false }
    pollNeededAfter = nil
    return true
  }

  /// For the logs.
  var name: String { pod?.fullName ?? "with UID \(uid)" }
}
