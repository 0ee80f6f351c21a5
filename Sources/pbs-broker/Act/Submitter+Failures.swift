/// What follows when PBS does not take a job.
extension Submitter {
  /// - Parameter job: what was submitted; nil where nothing was.
  func failed(_ item: Item, _ error: PBSError, _ job: JobDescription?) {
    let uid = item.key
    let error = job?.hasOwnTerms == true ? error.aboutOneJob : error
    if let user = item.user { users.noted(error, of: .submissions, as: user) }
    if case .limit(let words) = error, let scope = scope(of: words, item, job) {
      guard limits.hasRoom(for: scope) else {
        limits.dropped(uid)
        actions.failed(uid, .refused(words))
        return actions.settled(uid)
      }
      // Of a resource there may be enough left for the next pod, though not for this one.
      return limits.reached(scope, words, item, first: !words.contains("resource"))
    }
    limits.dropped(uid)
    switch error {
    case .refused(let words):
      actions.failed(uid, .refused(words))
      actions.settled(uid)
    case .unavailable(let words):
      // It may have taken effect: the pod itself waits for a poll, the next one in the queue tries.
      hold(words, of: item, longest: Self.longestUnanswered)
      actions.failed(uid, error)
      actions.settled(uid)
    case .busy(let words), .unauthorized(let words):
      switch turned[item.user, default: TurnedAway()].turnedAway(uid) {
      case .isToBlame:
        actions.failed(uid, .refused("\(words) (it takes the jobs of other pods)"))
        actions.settled(uid)
      case .triesForAll(let isTurnOver):
        hold(words, of: item)
        queue.add(item, first: !isTurnOver)
      }
    case .limit(let words):
      hold(words, of: item, isLimit: true)
      queue.add(item, first: !words.contains("resource"))
    }
  }

  /// What a limit is about; nil for all jobs.
  private func scope(of words: String, _ item: Item, _ job: JobDescription?) -> LimitScope? {
    job.flatMap { LimitScope(words, of: $0, own: backend.user) }
      ?? item.user.map(LimitScope.init(asker:))
  }
}
