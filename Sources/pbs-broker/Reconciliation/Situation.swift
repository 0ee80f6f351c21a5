import FoundationEssentials
import Shared

/// All that matters for one pod at one moment: what there is in Kubernetes and in PBS.
struct Situation: Sendable {
  /// Why the pod object may be missing.
  enum Presence: Sendable {
    case present(Pod)
    /// It existed, and Kubernetes said that it no longer does.
    case gone
    /// It was never seen since kube-watcher's word is complete.
    case neverSeen
  }

  var presence: Presence
  /// The jobs that carry the pod's UID and that PBS has not called ended.
  var jobs: [Job] = []
  /// Those of which all that is known may be older than the pod's binding: a broker that was
  /// stopped, or whose PBS did not answer, may hear of another broker's binding first.
  var olderThanBinding: Set<String> = []
  /// Those that PBS does not know at the moment, with many others, so that it is not believed yet.
  var vanished: Set<String> = []
  /// Jobs that carry the pod's UID, or that the pod names, and that have ended by PBS's own
  /// word.
  var ended: [EndedJob] = []
  /// PBS host to node.
  var nodeOf: @Sendable (String) -> String? = { $0 }
  /// Whether the pod's node is NotReady, or PBS calls its host down.
  var isHostAway = false
  /// From a job's state to a binding.
  var bindWhen = BindWhen.run
  /// Seconds that a pod may stay Terminating on a host that is away, past its grace period.
  var patience = 300.0
  var now = Date()
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
