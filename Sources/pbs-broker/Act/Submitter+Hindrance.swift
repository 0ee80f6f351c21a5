extension Submitter {
  /// Why nobody's jobs are submitted, or not soon, once that has lasted for some seconds; nil while
  /// they are, and while PBS is away, of which pods are told otherwise.
  var hindrance: String? {
    if isAway() { return nil }
    guard let pause else { return turnsHindrance }
    guard clock.now - pause.since >= Self.quiet else { return nil }
    return pause.isLimit
      ? "a limit of PBS is reached, and the job is submitted when there is room: \(pause.words)"
      : "PBS takes no jobs at present: \(pause.words)"
  }

  private var turnsHindrance: String? {
    guard let turnsSince, clock.now - turnsSince >= Self.quietTurns else { return nil }
    return
      "the job waits to be submitted: PBS may be connected to only so often (connections-per-minute)"
  }

  /// The same for one pod: nil while all trouble is another one's.
  /// - Parameter job: what is to be submitted for it; nil where that is not known.
  func hindrance(of uid: String, _ job: JobDescription? = nil) -> String? {
    if isAway() { return nil }
    if !limits.isEmpty, let job, let words = limits.hindrance(of: job) { return words }
    if let user = job?.user, user != own {
      return users.words(.submissions, of: user) ?? turnsHindrance
    }
    if let pause, isOfOneOther(pause, than: uid) { return nil }
    return hindrance
  }

  /// Whether one job alone, of another pod, was turned away. A limit is no single job's.
  func isOfOneOther(_ pause: Pause, than uid: String) -> Bool {
    !pause.isLimit && doubtedSince == nil && pause.pods.count == 1 && !pause.pods.contains(uid)
  }
}
