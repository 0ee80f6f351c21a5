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
  /// Volume claims that are to get the node on which the pod's job runs.
  var selections: [SelectNode] = []
  /// The node to which the pod is to be bound once its volumes are there.
  var awaitedNode: String?
  /// The job among ``deletions`` that runs where the pod's volumes cannot be.
  var unprovided: Unprovided?
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

  struct Unprovided: Sendable, Equatable {
    var job: String
    var node: String
    var failure: VolumeBinding.Failure
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

extension Decision {
  /// The node on which the pod holds its place: it is to be bound there, be it at once or when its
  /// volumes are there.
  var node: String? {
    if case .bind(let bind) = message { bind.node } else { awaitedNode }
  }
}
