import Shared

/// What is to be done about one pod: the difference between what should be and what is.
struct Decision: Sendable, Equatable {
  /// What a binder is to do; nil when nothing.
  var message: BrokerMessage?
  /// Whether a job is to be submitted.
  var submits = false
  /// Jobs to delete, with the reason for the log.
  var deletions: [Deletion] = []
  /// A job of which PBS must tell anew before anything follows.
  var doubted: String?

  struct Deletion: Sendable, Equatable {
    var job: String
    var reason: String
    /// Also when its host cannot be reached.
    var force = false
  }
}
