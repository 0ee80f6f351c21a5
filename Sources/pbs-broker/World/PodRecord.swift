import Kubernetes
import Runtime
import Text

/// What the broker knows of one pod and of its jobs. All of it can be rebuilt from Kubernetes and
/// PBS. Moments are seconds on the monotonic clock.
@EventLoop
final class PodRecord {
  let uid: String
  /// As Kubernetes told it last; nil while only jobs with this UID are known.
  var pod: Pod? { didSet { translated = nil } }
  /// What it needs as a job, as found when ``World/translationEpoch`` was that.
  var translated: (epoch: Int, result: Result<JobDescription, Refusal>)?
  /// Nothing follows for it until something is heard of it, as far as was seen when it was compared
  /// with its jobs last.
  var isQuiet = false
  /// Kubernetes has said that the pod was deleted, or it was missing after it had finished or
  /// had been deleted.
  var isGone = false
  /// Since when jobs are known without their pod, or the pod is missing from what kube-watcher
  /// tells although nothing had ended it; nil while it is there.
  var missingSince: Double?
  /// The broker that is to act on the pod.
  var owner: String?
  /// The earliest moment at which the grace period of a pod that is Terminating can have ended; nil
  /// while it is not.
  private var graceEnd: Double?
  /// When the pod was first seen on a node.
  var boundSince: Double?
  /// The job with which the pod was bound, once PBS has said that it is the pod's own.
  var boundJob: String?
  /// Its last submission was not answered, and no poll has told since what became of it.
  var isUnanswered = false
  /// That job's run_count at the binding; nil as above.
  var boundRunCount: Int?
  /// What binders were asked to delete it for, in the words that they put into its condition; the
  /// last few.
  private(set) var evictions: [String] = []
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
  var backoff: Backoff
  /// The same while qsub does not answer, which is not the pod's fault.
  var unansweredBackoff: Backoff
  /// What PBS was asked for of its jobs that wait, by their ids.
  var asked: [String: AskedTerms] = [:]
  /// What PBS said when it refused the last submission.
  var refusal: String?
  /// Why its submission waited last for what was said of other pods; until a job is submitted, so
  /// that its owner is told one thing between the tries.
  var waitsFor: String?
  /// The node that it is to be bound to.
  var triedOn: String?
  /// The last job that PBS started where a taint keeps the pod off.
  var misplacement: Decision.Misplacement?
  var misplacedBackoff: Backoff
  var submitTimer: (any Timer)?
  /// What is told of its rejection by a kubelet, which this broker has seen; nil where there was none.
  var rejection: String?
  /// What is told of its grace period, when this broker has had it bound; nil for nothing.
  var longGrace: String?
  /// Its job that runs where there is no room for the pod, and since when; nil while none does.
  var lacksRoomSince: (job: String, since: Double)?
  /// The last of its jobs that were released for want of room.
  var releasedJob: String?

  /// What was seen of its volume claims while its job runs; nil while none does.
  var volumeWait: VolumeBinding.Wait?
  /// The last of its jobs that ran where its volumes could not be, and until when the next one is not
  /// to run on that node if another is left.
  var unprovided: (job: String, node: String, until: Double)?

  init(uid: String, jitter: Jitter) {
    self.uid = uid
    var jitter = jitter
    backoff = Backoff(first: 1, longest: 300, jitter: jitter.split())
    unansweredBackoff = Backoff(first: 1, longest: 10, jitter: jitter.split())
    misplacedBackoff = Backoff(first: 10, longest: 1800, jitter: jitter)
  }

  /// Whether the pod is there as far as we know.
  var isPresent: Bool { pod != nil && !isGone && missingSince == nil }

  func addEnded(_ job: EndedJob) {
    ended.append(job)
    if ended.count > 4 { ended.removeFirst() }
  }

  /// A pod that waits after a refusal and asks for something else now is tried again soon. Not at
  /// once: whoever changes it again and again would have PBS asked as often.
  func noteChange(to new: Pod, now: Double) {
    guard let pod, pod.nodeName == nil,
      pod.spec != new.spec || pod.metadata.annotations != new.metadata.annotations
    else { return }
    notBefore = min(notBefore, now + Self.patience)
  }

  /// Seconds.
  private static let patience = 2.0

  /// That its binding is refused; nil where it is not.
  var refusedBinding: RefusedBinding?
  /// Fires when that is tried again.
  var bindingTimer: (any Timer)?
  /// Why it was refused, as counted last.
  var countedRefusal: String?

  /// Notes that binders are asked to delete it for this reason.
  /// - Returns: whether it is the first one.
  func noteEviction(_ message: String) -> Bool {
    let words = PlainText.escaped(message, limit: PlainText.conditionLimit)
    guard evictions.last != words else { return false }
    let isFirst = evictions.isEmpty
    evictions.append(words)
    if evictions.count > 4 { evictions.removeFirst() }
    return isFirst
  }

  /// A poll of PBS that began at this moment has been taken in.
  /// - Returns: whether a submission waited for it.
  func pollTaken(begun: Double) -> Bool {
    guard let after = pollNeededAfter, begun >= after else { return false }
    pollNeededAfter = nil
    return true
  }

  /// Whose turn it takes; empty while only jobs with this UID are known.
  var namespace: String { pod?.metadata.namespace ?? "" }

  /// Notes when the grace period of a pod that was deleted ends, which it may do earlier after all.
  /// - Parameter before: the pod as it was known until now.
  func noteGrace(of pod: Pod, before: Pod?, now: Double) {
    guard pod.isTerminating else {
      graceEnd = nil
      return
    }
    // One that was deleted before we knew it may have no time left.
    let seconds = before == nil ? 0 : Double(pod.metadata.deletionGracePeriodSeconds ?? 0)
    graceEnd = min(graceEnd ?? .infinity, now + max(seconds, 0))
  }

  /// Seconds since that end; negative before it, or while there is none.
  func pastGrace(now: Double) -> Double { graceEnd.map { now - $0 } ?? -.infinity }

  /// For the logs.
  var name: String { pod?.fullName ?? "with UID \(uid)" }
}
