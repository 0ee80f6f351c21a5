/// What PBS means by an answer that is not a success: whose fault it is, and whether the same
/// request can work later.
///
/// A command says it twice: in words on standard error, and by an exit status that is the error's
/// number (pbs_error.h) modulo 256. Words come first, since a client that could not reach its
/// server ends with numbers of its own. libpbs says the number itself.
struct PBSAnswer: Sendable {
  enum Meaning: Sendable {
    /// Whether it took effect is not known, or PBS cannot be reached.
    case unavailable
    /// PBS's own state is at fault; nothing took effect.
    case busy
    /// A limit of a user, a queue or the server, or a queue that takes nothing.
    case limit
    /// Our user has no right to it.
    case unauthorized
    /// This very request is at fault.
    case refused
  }

  /// The number in pbs_error.h; nil for what no server says.
  let code: Int?
  /// A part of what is printed (pbs_messages.c, cnt2server.c, strerror); nil where only the number
  /// tells.
  let words: String?
  let meaning: Meaning

  private init(_ code: Int?, _ words: String?, _ meaning: Meaning) {
    self.code = code
    self.words = words
    self.meaning = meaning
  }

  /// The first one that fits counts: a client out of ports also says that it cannot connect.
  static let table: [PBSAnswer] = [
    // The client's host has no port or descriptor left; the server was asked nothing.
    .init(nil, "Cannot assign requested address", .busy),
    .init(nil, "Address already in use", .busy),
    .init(nil, "Too many open files", .busy),
    .init(nil, "Too many open connections", .busy),
    .init(nil, "Cannot allocate memory", .busy),
    .init(15044, "Resource temporarily unavailable", .busy),
    // pbs_iff, which proves who we are, got no reserved port or no answer.
    .init(nil, "Unable to authenticate connection", .busy),
    .init(15019, "Invalid credential", .busy),
    .init(15020, "Expired credential", .busy),
    .init(15033, "No free connections", .busy),
    .init(15117, "Server connection table full", .busy),
    .init(15060, "Server shutting down", .busy),

    // No server, or one that broke off: what was asked for may have been done.
    .init(nil, "cannot connect to server", .unavailable),
    .init(nil, "could not connect to server", .unavailable),
    .init(nil, "Couldn't connect to cluster", .unavailable),
    .init(nil, "Connection refused", .unavailable),
    .init(nil, "Connection timed out", .unavailable),
    .init(nil, "Connection reset", .unavailable),
    .init(nil, "Broken pipe", .unavailable),
    .init(nil, "No route to host", .unavailable),
    .init(nil, "Network is unreachable", .unavailable),
    .init(nil, "Unknown Host.", .unavailable),
    .init(nil, "End of File", .unavailable),
    .init(nil, "Premature end", .unavailable),
    .init(nil, "Communication failure", .unavailable),
    .init(15034, "No server specified", .unavailable),
    .init(15031, "Batch protocol error", .unavailable),
    .init(15056, "Bad DIS", .unavailable),

    // The server has trouble of its own.
    .init(nil, "Server is busy", .busy),
    .init(15208, nil, .busy),
    .init(15227, nil, .busy),
    .init(15010, "System error", .busy),
    .init(15011, "PBS server internal error", .busy),
    .init(15161, "Failed to save job/resv", .busy),
    .init(15070, "Server could not connect to MOM", .busy),
    .init(15041, "Execution server rejected request", .busy),
    .init(15099, "Could not contact Scheduler", .busy),
    .init(15047, "Checkpoint busy", .busy),
    .init(15085, "Delete already in progress", .busy),
    .init(15174, "Resource busy", .busy),
    .init(15091, "PBS license is invalid", .busy),
    // A site's hook that is broken, not one that says no.
    .init(nil, brokenHook[0], .busy),
    .init(nil, brokenHook[1], .busy),
    .init(nil, brokenHook[2], .busy),
    .init(15008, "Access from host not allowed", .busy),
    // A job on its way out, or from one queue to another: it cannot be deleted yet.
    .init(15016, "Request invalid for state of job", .busy),

    // Limits (pbs_messages.c, msg_et_*). "Job violates ... limits" is about the job's own size.
    .init(15036, "Job violates queue and/or server resource limits", .refused),
    .init(15142, "per-user limit", .limit),
    .init(15142, "per-group limit", .limit),
    .init(15142, "per-project limit", .limit),
    .init(15142, "Maximum number of jobs", .limit),
    .init(15046, "Maximum number of jobs already in queue", .limit),
    .init(15143, "would exceed", .limit),
    .init(15048, "Resource limit exceeds allowable", .refused),
    // The queue is the site's setting, not the pod's.
    .init(15021, "Queue is not enabled", .limit),
    .init(15018, "Unknown queue", .limit),
    .init(15037, "No default queue specified", .limit),
    // Of a routing queue; where limits or disabled queues alone are in the way, PBS takes the job and
    // routes it later (svr_movejob.c, should_retry_route).
    .init(15039, "Job rejected by all possible destinations", .refused),

    // The server's hook does not accept a proof of submission, or wants one, or the site has not made
    // the resources for it.
    .init(nil, proof[0], .unauthorized),
    .init(nil, proof[1], .unauthorized),
    .init(15007, "Unauthorized Request", .unauthorized),
    .init(nil, "No Permission", .unauthorized),
    .init(15022, "Access to queue is denied", .unauthorized),
    .init(15023, "Bad UID for job execution", .unauthorized),
    .init(15045, "Bad GID for job execution", .unauthorized),
    .init(15049, "Invalid Account", .unauthorized),
  ]

  /// What the server's hook names when it is about the proof of submission.
  private static let proof = ["k8s_token", "KUBERNETES_POD_UID is for jobs of pods"]

  /// Whether it is about the proof of submission, and so about the site's keys.
  static func isOfProof(_ words: String) -> Bool { proof.contains(where: words.contains) }

  /// What a failed command means.
  /// - Parameters:
  ///   - status: its exit status, not 0; 128 plus the signal's number when a signal ended it.
  ///   - words: what it printed on standard error, empty for nothing.
  static func meaning(status: Int32, words: String) -> Meaning {
    // Without a word it did not come to its end: a server always gives a reason.
    if words.isEmpty { return .unavailable }
    if let answer = table.first(where: { $0.words.map(words.contains) ?? false }) {
      return answer.meaning
    }
    // 1 and 2 are the command's own complaints, such as of its arguments.
    if let answer = table.first(where: { status > 2 && $0.status == status }) {
      return answer.meaning
    }
    return status == 255 ? .unavailable : .refused
  }

  /// PBSE_HOOKERROR: a hook has said no, or is broken.
  private static let hookError = 15136
  /// What the server says of a broken one.
  private static let brokenHook = [
    "encountered an exception", "filter hook alarm", "call to alarm",
  ]

  /// What an error of libpbs means. Its number comes first: its words may be a hook's, and then
  /// anything.
  /// - Parameters:
  ///   - code: its number in pbs_error.h; smaller ones are errno's, 0 is none.
  ///   - words: the server's, or what the library has printed.
  static func meaning(code: Int, words: String) -> Meaning {
    let isSaid = { (answer: PBSAnswer) in answer.words.map(words.contains) ?? false }
    let ofCode = table.filter { $0.code == code }
    if let answer = ofCode.first(where: isSaid) ?? ofCode.first { return answer.meaning }
    // Our own server hook's no, which is about the site's keys.
    if code == hookError, let answer = table.first(where: { $0.code == nil && isSaid($0) }),
      answer.meaning == .unauthorized
    {
      return .unauthorized
    }
    if code == hookError { return brokenHook.contains(where: words.contains) ? .busy : .refused }
    if code >= 15000 { return .refused }
    return table.first(where: isSaid)?.meaning ?? .unavailable
  }

  /// Words for an error of which none are known.
  static func words(of code: Int) -> String {
    table.first { $0.code == code && $0.words != nil }?.words.map { "\($0) (\(code))" }
      ?? "PBS error \(code)"
  }

  private var status: Int32? { code.map { Int32($0 & 0xff) } }
}

extension PBSError {
  /// The most of PBS's words that is kept, in characters.
  private static let wordLimit = 1000

  /// What a command's failure means, in PBS's own words.
  init(command: String, _ meaning: PBSAnswer.Meaning, status: Int32, words: String) {
    self.init(meaning, words.isEmpty ? "\(command): exit \(status)" : words)
  }

  init(_ meaning: PBSAnswer.Meaning, _ words: String) {
    let words = String(words.prefix(Self.wordLimit))
    switch meaning {
    case .unavailable: self = .unavailable(words)
    case .busy: self = .busy(words)
    case .limit: self = .limit(words)
    case .unauthorized: self = .unauthorized(words)
    case .refused: self = .refused(words)
    }
  }
}
