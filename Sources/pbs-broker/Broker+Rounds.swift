import Messages

/// Which pods are compared with their jobs although nothing was heard of them.
extension Broker {
  /// Seconds after which every pod has been compared, whatever was heard.
  static let round = 120.0

  /// A full poll of PBS has been entered: goes on with what waited for it, or for time to pass.
  func polled(_ begun: Double, _ tellsOfAbsence: Bool) {
    comparedOnce = true
    if tellsOfAbsence {
      for record in world.pods.values where record.pollTaken(begun: begun) {
        world.markChanged(record.uid)
        if record.isUnanswered, !record.jobs.isEmpty { submitter.jobFound() }
        record.isUnanswered = false
      }
    }
    let isDue = begun - comparedAt > Self.comparisonInterval
    if isDue {
      comparedAt = begun
      world.rejections.forgetCalm(clock.now)
    }
    markForRound(isDue: isDue, now: begun)
    for job in deleter.due {
      if let uid = world.jobs[job]?.job.pod?.uid { world.markChanged(uid) }
    }
    submitter.start()
    deleter.start()
    sayCapacity()
    alterer.start()
  }

  /// Compares what time alone may change at once, and of all others, which are many, some.
  /// - Parameter isDue: whether it is time for all those that are not quiet.
  func markForRound(isDue: Bool, now: Double) {
    for record in world.pods.values where !record.isQuiet {
      if isDue || !(record.isGone || record.isPresent) || record.pod?.isTerminating == true {
        world.markChanged(record.uid)
      }
    }
    for uid in rounds.next(of: world.pods.keys, now: now) { world.markChanged(uid) }
  }

  /// Whether nothing follows for a pod until something is heard of it.
  /// - Parameter isTold: whether its owner was told what he is to know now.
  func isQuiet(_ record: PodRecord, _ decision: Decision, isTold: Bool) -> Bool {
    // The deleter goes on by itself, and the job's end is heard.
    if record.isGone { return record.jobs.allSatisfy(deleter.isDeleting) }
    guard isTold, decision.isStill, record.isPresent, let pod = record.pod, !pod.isTerminating
    else { return false }
    if pod.isFinished { return record.jobs.isEmpty }
    guard !record.jobs.isEmpty else { return false }
    return pod.nodeName != nil
      || decision.message != nil
        && record.jobs.allSatisfy { world.jobs[$0]?.job.isWaiting == true }
  }
}

extension Decision {
  /// Nothing is to be done but to tell somebody something.
  fileprivate var isStill: Bool {
    let isReport = if case .report = message { true } else { message == nil }
    return isReport && submission == nil && edit == nil && deletions.isEmpty && unconfirmed == nil
      && !needsHosts
  }
}
