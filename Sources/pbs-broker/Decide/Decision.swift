import Messages

/// What is to be done about one pod: the difference between what should be and what is.
struct Decision: Sendable, Equatable {
  /// What a binder is to do; nil when nothing.
  var message: BrokerMessage?
  /// The job that is to be submitted.
  var submission: JobDescription?
  /// How the pod's job is to be changed.
  var edit: JobEdit?
  /// Jobs to delete, with the reason for the log.
  var deletions: [Deletion] = []
  /// A job of which PBS must tell anew before anything follows.
  var unconfirmed: String?
  /// The job among ``deletions`` whose node has no room for the pod.
  var released: Released?
  /// The pod asks for a host or node that is not known (yet).
  var needsHosts = false

  /// The job that PBS has started where a taint keeps the pod off, or on no node.
  var misplacement: Misplacement?

  struct Misplacement: Sendable, Equatable {
    var job: String
    /// Its node, or the host where that is none.
    var node: String
    /// For the pod's owner.
    var words: String
  }

  struct Released: Sendable, Equatable {
    var job: String
    /// "runs on node1, where ..."
    var words: String
  }

  struct Deletion: Sendable, Equatable {
    var job: String
    var reason: String
    /// Also when its host cannot be reached.
    var force = false
  }
}
