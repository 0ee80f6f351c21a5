extension Submitter {
  /// Why nobody's jobs are submitted, or not soon, once that has lasted for some seconds; nil while
  /// they are, and while PBS is away, of which pods are told otherwise.
  var hindrance: String? {
    if isAway() { return nil }
    let now = clock.now
    guard let pause else {
      guard let turnsSince, now - turnsSince >= Self.quietTurns else { return nil }
      return
        "the job waits to be submitted: PBS may be connected to only so often (connections-per-minute)"
    }
    guard now - pause.since >= Self.quiet else { return nil }
    return pause.isLimit
      ? "a limit of PBS is reached, and the job is submitted when there is room: \(pause.words)"
      : "PBS takes no jobs at present: \(pause.words)"
  }

  /// The same for one pod: nil while all trouble is another one's.
  func hindrance(of uid: String) -> String? {
    if !limits.isEmpty, !isAway(), let job = actions.terms(uid),
      let words = limits.hindrance(of: job)
    {
      return words
    }
    if let pause, isOfOneOther(pause, than: uid) { return nil }
    return hindrance
  }

  /// Whether one job alone, of another pod, was turned away. A limit is no single job's.
  func isOfOneOther(_ pause: Pause, than uid: String) -> Bool {
    !pause.isLimit && doubtedSince == nil && pause.pods.count == 1 && !pause.pods.contains(uid)
  }
}
