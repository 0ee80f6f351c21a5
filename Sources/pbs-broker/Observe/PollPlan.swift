/// What to ask PBS next, and when: pure, by what is known and by the time. Moments are seconds on
/// the monotonic clock.
///
/// The cost does not grow with the queue: jobs that wait are asked about in batches, the more of
/// them there are the more seldom, and a host that does not report is asked about more and more
/// seldom.
enum PollPlan {
  /// Seconds for which polls come at the backend's first and second pace while jobs are about to
  /// start.
  static let firstFor = 3.0
  static let secondFor = 10.0
  /// The share of the site's interval between polls below which polls for waiting jobs do not go.
  static let waitingShare = 0.125
  /// Seconds between polls while there is nothing to do.
  static let idleInterval = 10.0
  /// Seconds for which a submission counts as about to start.
  static let submissionCounts = 3.0
  /// Ids that one command asks about.
  static let batch = PBSCommands.batch
  /// Seconds after which a running job's run_count and exec_vnode are asked for again.
  static let runningRefresh = 30.0
  /// Seconds after which a waiting job's comment is, while they fit into one batch.
  static let waitingRefresh = 10.0
  /// Seconds that each further batch of waiting jobs adds to that.
  static let waitingRefreshPerBatch = 3.0

  /// Seconds until the next poll of all jobs.
  /// - Parameters:
  ///   - jobs: those that are known and ours.
  ///   - busySince: since when submissions have followed each other; nil when the last one is old.
  ///   - expectsMore: whether pods name jobs that are to be found; asked for where it matters.
  ///   - interval: between polls when nothing is about to happen.
  static func interval(
    jobs: JobBook, busySince: Double?, expectsMore: @autoclosure () -> Bool,
    interval: Double,
    pace: LookPace, now: Double
  ) -> Double {
    // The newest of those that are about to start counts: one that never starts speeds up nothing.
    if let since = [jobs.starting.values.max(), busySince].compactMap({ $0 }).max() {
      let age = now - since
      if age < firstFor { return min(pace.first, interval) }
      if age < secondFor { return min(pace.second, interval) }
    }
    if jobs.isEmpty, !expectsMore() { return max(idleInterval, interval) }
    let waiting = max(pace.waiting, interval * waitingShare)
    if waiting < interval, jobs.waiting > 0 { return waiting }
    return interval
  }

  /// The jobs of which more than the listing is needed.
  /// - Parameters:
  ///   - foreign: jobs of our user that are not ours.
  ///   - unconfirmed: jobs that something waits to be told about.
  ///   - begun: when the listing began.
  static func jobsToStat(
    _ jobs: JobBook, listing: JobListing, foreign: Set<String>,
    unconfirmed: Set<String>, begun: Double
  ) -> Set<String> {
    if listing.tellsChanges {
      var ids = unconfirmed
      for id in listing.all where !jobs.contains(id) && !foreign.contains(id) { ids.insert(id) }
      // One that was submitted after the listing had begun need not be in it.
      for id in jobs.keys where !listing.all.contains(id) {
        if let known = jobs[id], known.addedAt < begun { ids.insert(id) }
      }
      return ids.isEmpty ? ids : ids.subtracting(listing.changed.told)
    }
    var ids = listing.all.subtracting(foreign).subtracting(jobs.keys).union(unconfirmed)
    var waiting: [(id: String, at: Double)] = []
    var running: [(id: String, at: Double)] = []
    var waitingCount = 0
    for (id, known) in jobs.records {
      let age = begun - max(known.statAt, known.addedAt)
      if !listing.all.contains(id) {
        // Not there: ask, unless it was submitted after the listing had begun.
        if known.addedAt < begun { ids.insert(id) }
      } else if listing.running.contains(id) != known.job.isRunning || known.isUnconfirmed
        || listing.states[id].map({ $0 != known.job.state }) == true
      {
        ids.insert(id)
      } else if let since = known.startingSince {
        if age >= startingRefresh(begun - since) { ids.insert(id) }
      } else if known.job.isRunning {
        if age > runningRefresh { running.append((id, known.statAt)) }
      } else {
        waitingCount += 1
        if age > waitingRefresh || known.statAt == 0 { waiting.append((id, known.statAt)) }
      }
    }
    let interval =
      waitingRefresh + waitingRefreshPerBatch * Double((max(waitingCount, 1) - 1) / batch)
    waiting = waiting.filter { $0.at == 0 || begun - $0.at > interval }
    let isNew = waiting.contains { $0.at == 0 }
    let isOverdue = waiting.contains { begun - $0.at > interval * 1.5 }
    if !ids.isEmpty || isNew || isOverdue || waiting.count >= min(batch, waitingCount) {
      ids.formUnion(oldest(waiting))
    }
    ids.formUnion(oldest(running))
    return ids
  }

  /// Seconds between questions about a job whose start was requested so many seconds ago.
  private static func startingRefresh(_ age: Double) -> Double {
    if age < secondFor { return 0 }
    return age < 60 ? 2 : 10
  }

  private static func oldest(_ jobs: [(id: String, at: Double)]) -> [String] {
    jobs.sorted { $0.at < $1.at }.prefix(batch).map(\.id)
  }
}
