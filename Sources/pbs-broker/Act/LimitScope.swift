/// Which jobs count against a limit that PBS says is reached: those that have all parts of it that
/// are not nil.
struct LimitScope: Hashable, Sendable {
  var user: String?
  /// Empty for the user's own one.
  var group: String?
  /// Empty for PBS's default one.
  var project: String?
  /// As asked for; empty for PBS's default one.
  var queue: String?
  /// Another user than our own as whom PBS was asked: what his process says counts for his jobs
  /// alone, since it is his to stop and to change.
  var asker: String?

  /// - Parameters:
  ///   - words: PBS's (pbs_messages.c, msg_et_*).
  ///   - job: the one that was turned away.
  ///   - own: the user of jobs that name none.
  /// - Returns: nil for a limit of all jobs together, and for words that tell of no limit.
  init?(_ words: String, of job: JobDescription, own: String) {
    let isCount = words.contains("Maximum number of jobs") || words.contains("would exceed")
    // What is about the site's queue is about all jobs of that queue; a queue of a pod's own choice
    // is its own affair.
    let isClosed = Self.isOfQueue(words) && !job.hasOwnTerms
    guard isCount || isClosed else { return nil }
    asker = job.user == own ? nil : job.user
    let isAbout = { (what: String) in
      words.contains("per-\(what)") || words.contains("for \(what) ")
        || words.contains("exceed \(what) ")
    }
    if isAbout("user") { user = job.user ?? own }
    if isAbout("group") {
      group = job.group ?? ""
      if job.group == nil { user = job.user ?? own }
    }
    if isAbout("project") { project = job.project ?? "" }
    if isClosed || words.contains("queue ") { queue = job.queue ?? "" }
    if asker == nil, user == nil, group == nil, project == nil, queue == nil { return nil }
  }

  /// Whether PBS says that a queue is not there, or is closed.
  static func isOfQueue(_ words: String) -> Bool { closed.contains(where: words.contains) }

  /// A limit of all that one other user asks for.
  init(asker: String) {
    self.asker = asker
  }

  private static let closed = [
    "Queue is not enabled", "Unknown queue", "No default queue specified",
  ]

  func contains(_ job: JobDescription, own: String) -> Bool {
    asker == (job.user == own ? nil : job.user)
      && (user == nil || user == job.user ?? own) && (group == nil || group == job.group ?? "")
      && (project == nil || project == job.project ?? "")
      && (queue == nil || queue == job.queue ?? "")
  }

  /// "user alice, queue gpu".
  var words: String {
    let parts = [("user", asker ?? user), ("group", group), ("project", project), ("queue", queue)]
    return parts.compactMap { name, value in
      value.map { $0.isEmpty ? "the default \(name)" : "\(name) \($0)" }
    }.joined(separator: ", ")
  }
}
