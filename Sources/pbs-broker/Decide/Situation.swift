import FoundationEssentials
import Kubernetes

/// All that matters for one pod at one moment: what there is in Kubernetes and in PBS.
struct Situation: Sendable {
  /// Why the pod object may be missing.
  enum Presence: Sendable {
    case present(Pod)
    /// It existed, and Kubernetes said that it no longer does.
    case gone
    /// It is not among what kube-watcher tells, and nothing says that it will be.
    case neverSeen
  }

  /// Too little room on a node.
  struct Shortage: Sendable, Equatable {
    /// "runs on node1, where Kubernetes has 1 cpu left of 4 ..."
    var words: String
    /// It has lasted long enough: the job is given up.
    var isOverdue: Bool
  }

  var presence: Presence
  /// The pod's own jobs that PBS has not called ended: they carry its UID, and are ours.
  var jobs: [Job] = []
  /// Those of which all that is known may be older than the pod's binding: a broker that was
  /// stopped, or whose PBS did not answer, may hear of another broker's binding first.
  var olderThanBinding: Set<String> = []
  /// Those that PBS does not know at the moment, with many others, so that it is not believed yet.
  var unconfirmed: Set<String> = []
  /// Of when what is known of each job is; monotonic seconds.
  var knownAt: [String: Double] = [:]
  /// Those of which PBS has not said for long enough why they do not run.
  var unexplained: Set<String> = []
  /// Those that were submitted for it, and for which PBS's server does not vouch.
  var unproven: Set<String> = []
  /// Its jobs that have ended, by PBS's own word.
  var ended: [EndedJob] = []
  /// The job with which the pod was bound, as this broker has seen it; nil when it has not.
  var boundJob: String?
  /// Its run_count at the binding; nil as above, and then the pod's annotation counts.
  var boundRunCount: Int?
  /// What binders were asked to delete the pod for: they tell of that themselves.
  var evictions: [String] = []
  /// The job that the pod's annotation names although it is none of the pod's.
  var disownedJob: String?
  /// What the pod needs as a job.
  var translation: Result<JobDescription, Refusal>?
  /// What PBS was asked for of the pod's jobs that wait, by their ids; see ``JobEdit``.
  var asked: [String: JobTerms] = [:]
  /// PBS's words when it refused to change a job, by the job's id.
  var refusedEdits: [String: String] = [:]
  /// Jobs that our user may not move to another queue.
  var immovable: Set<String> = []
  /// What is to be told of its rejection by a kubelet; nil where nobody here has seen one.
  var rejection: String?
  /// What is to be told of its grace period; nil for nothing.
  var longGrace: String?
  /// PBS's words when it refused the pod's last submission.
  var refusal: String?
  /// Why nothing is known of any job at present; nil while PBS answers.
  var hindrance: String?
  /// Why no job is submitted for this pod, or for any, at present; nil while one is.
  var submissionHindrance: String?
  /// Which host of PBS is which node.
  var hostMap = HostMap()
  /// Why nothing is bound to the node at present; nil while it is.
  var nodeHindrance: @Sendable (String) -> String? = { _ in nil }
  /// The taint of a node that keeps the pod off it.
  var untolerated: @Sendable (String) -> Taint? = { _ in nil }
  /// That the node on which its job runs has too little left for the pod, by Kubernetes' own account.
  var shortage: Shortage?
  /// That the pod's job has been running on a host that is no node for long enough.
  var isOutsideCluster = false
  /// What the pod's volume claims say to the node on which its job runs; nil where it runs on none, or
  /// nothing is known of claims.
  var volumes: VolumeBinding?
  /// Why binders do not give claims their node, in words; nil while they do.
  var selectionTrouble: String?
  /// Whether the pod's node is NotReady, or PBS calls its host down.
  var isHostAway = false
  /// From a job's state to a binding.
  var bindWhen = BindWhen.run
  /// Seconds that a pod may stay Terminating on a host that is away, past its grace period.
  var patience = 300.0
  /// Seconds for which a pod that is Terminating has been past its grace period, by our own clock
  /// alone; less while nobody here saw when it was deleted.
  var pastGrace = Double.infinity
  /// The time of day.
  var now: Date
}

/// When a job counts as running.
enum BindWhen: String, CaseIterable, Sendable {
  /// Its execution host has reported (substate 42).
  case run
  /// The server has sent it to its host (substate 41): earlier by up to two seconds, and
  /// too early when the host then refuses it.
  case prerun
}

/// A job after its end.
struct EndedJob: Sendable, Equatable {
  var id: String
  /// In PBS's own words, where it keeps some.
  var words: String
}

extension Situation {
  /// What of the pod is ignored, for its owner.
  var ignored: [String] {
    guard case .success(let job) = translation else { return [] }
    return job.ignored
  }
}
