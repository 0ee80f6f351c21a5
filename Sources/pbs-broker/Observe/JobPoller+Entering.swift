import Runtime

/// Entering what PBS has told into the world.
extension JobPoller {
  /// Seconds until a job is asked about again of which PBS's answer could not be read.
  private static let unreadableInterval = 30.0

  /// - Parameter isWhole: whether all jobs were polled, not some that hints were about.
  func enter(
    _ stat: JobStat, began: Double, expected: [String: Set<String>], isWhole: Bool
  ) {
    // Most looks raise no doubt and end none: then it matters to nobody how many there are.
    let mayDoubt = !stat.unknown.isEmpty || !expected.isEmpty || judge.isDoubting
    let knownOnHosts = mayDoubt ? world.jobs.onHosts.count { !actions.isDeleting($0) } : 0
    // Silence is not an end, and not every "unknown" is one.
    var vanished: Set<String> = []
    var missing: [String: Set<String>] = [:]
    unreadable = unreadable.filter { $0.value > began }
    for id in stat.unreadable { unreadable[id] = began + Self.unreadableInterval }
    for job in stat.jobs.map({ $0.believed(by: world.reliance) }) {
      let uid = job.pod?.uid
      let isOurs = world.follows(job)
      if !isOurs { world.backOff(job.id, now: clock.now) }
      world.release(job.id, unlessOf: isOurs ? uid : nil)
      // Another pod's job: what these pods name is not theirs, or PBS has lost its jobs and counts
      // anew.
      let others = (expected[job.id] ?? []).filter { $0 != uid || (!isOurs && job.hasEnded) }
      if !others.isEmpty { missing[job.id] = others }
      if !isOurs {
        world.addForeign(job.id)
      } else if job.hasEnded {
        // What has ended before is told again while PBS remembers it.
        guard world.jobs[job.id] != nil || expected[job.id] != nil else { continue }
        if job.state == .moved, world.jobs[job.id] != nil { actions.moved(job.id) }
        actions.ended(job.id, job.lastWords, uid)
      } else {
        world.add(job, began: began, now: clock.now)
      }
    }
    for id in stat.unknown {
      if let known = world.jobs[id], !known.isOnHost || actions.isDeleting(id) {
        actions.ended(id, "PBS no longer knows the job", nil)
      } else if world.jobs[id] != nil {
        vanished.insert(id)
      } else if let uids = expected[id] {
        missing[id] = uids
      }
    }
    // What some jobs say neither ends a doubt nor confirms it.
    guard isWhole || !judge.isDoubting else { return }
    let words = "PBS no longer knows the job"
    // Also those that were not asked about, since nothing of them could be read a moment ago.
    let untold = judge.doubted.union(unreadable.keys).subtracting(stat.jobs.map(\.id)).filter {
      expected[$0] != nil || world.jobs[$0]?.isOnHost == true
    }
    let believed = judge.believed(
      vanished.union(missing.keys), untold: untold, of: knownOnHosts + expected.count,
      now: clock.now)
    for id in believed {
      if vanished.contains(id) { actions.ended(id, words, nil) }
      for uid in missing[id] ?? [] { actions.ended(id, words, uid) }
    }
    for id in vanished where world.jobs[id] != nil { world.markUnconfirmed(id) }
  }
}
