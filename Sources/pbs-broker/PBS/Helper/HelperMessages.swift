/// What the broker asks of its helper, one at a time.
enum HelperRequest: Sendable, Equatable {
  case submit(attributes: [JobAttribute], queue: String?)
  case delete(job: String, force: Bool)
  case change(job: String, JobChange)
  /// Which of these jobs have not ended: told are those that are not as the helper told them
  /// last, those named in `telling`, and the ids of those that are no longer among them.
  case list(Jobs, telling: [String])
  /// The same of those that PBS has changed lately, ended ones included.
  case changes(Jobs)
  /// All about some jobs, ended ones included.
  case stat([String])
  case server
  case hosts
  case queues
  /// Takes a host out of service, or gives it back, with a comment; an empty one takes that away.
  case setOffline(Bool, host: String, comment: String)
  /// Sets resources_available of a vnode.
  case setResources([String: String], vnode: String)

  /// Whose jobs are meant.
  struct Jobs: Sendable, Equatable {
    /// Those of this user of PBS.
    var user: String
    /// In their place those of all users that have a proof of submission (k8s_pod), where the
    /// server knows that resource.
    var byProof = false
  }

  /// Whether asking twice does no more than asking once.
  var isRepeatable: Bool {
    switch self {
    case .submit, .delete, .change: false
    case .list, .changes, .stat, .server, .hosts, .queues, .setOffline, .setResources: true
    }
  }

  /// What its answer may tell.
  var tells: HelperAnswer.Content {
    switch self {
    case .submit: .job
    case .delete, .change, .setOffline, .setResources: .nothing
    case .list, .changes, .stat: .jobs
    case .server, .hosts, .queues: .objects
    }
  }

  /// For the log.
  var name: String {
    switch self {
    case .submit: "pbs_submit"
    case .delete, .change(_, .deleteMoved): "pbs_deljob"
    case .change(_, .alter): "pbs_alterjob"
    case .change(_, .move): "pbs_movejob"
    case .change(_, .hold): "pbs_holdjob"
    case .change(_, .release): "pbs_rlsjob"
    case .list, .changes: "pbs_selstat"
    case .stat: "pbs_statjob"
    case .server: "pbs_statserver"
    case .hosts: "pbs_statvnode"
    case .queues: "pbs_statque"
    case .setOffline, .setResources: "pbs_manager"
    }
  }
}

/// What the helper answers: a part of it in each of several frames, and at last how it ended.
struct HelperAnswer: Sendable {
  /// What an answer may tell, by what was asked: a helper that acts as another user is in his hands,
  /// and tells nothing else.
  enum Content: Sendable {
    case nothing
    /// The id of a submitted job.
    case job
    case jobs
    /// Hosts, or the server.
    case objects
  }

  var jobs: [Job] = []
  /// Ids of jobs of which something cannot be read.
  var unreadable: [String] = []
  var objects: [PBSText.Object] = []
  /// Jobs that were listed before and are not any more.
  var gone: [String] = []
  /// What was told before counts no more: the helper begins anew.
  var isFresh = false
  /// The submitted job's id.
  var job: String?
  /// The answer is whole.
  var isLast = false
  /// Nothing came of it.
  var failure: LibraryFailure?
}

/// Why nothing came of a request.
struct LibraryFailure: Error, Sendable, Equatable {
  enum Kind: UInt8, Sendable {
    /// The library cannot be used, and never will be.
    case library = 1
    /// We cannot be the user of PBS who is to ask.
    case user
    /// There is no connection: PBS was asked nothing.
    case connect
    /// The connection broke: whether PBS did it is not known.
    case broken
    /// PBS said no.
    case answered
  }
  var kind: Kind
  /// The error's number (pbs_error.h); 0 where there is none.
  var code: Int
  var words: String
}

extension LibraryFailure {
  /// Why we cannot be that user of PBS.
  init(user: String, _ words: String) {
    self.init(kind: .user, code: 0, words: "cannot act as PBS user \(user): \(words)")
  }
}
