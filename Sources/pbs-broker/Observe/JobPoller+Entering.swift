import Runtime

/// Entering what PBS has told into the world.
extension JobPoller {
  /// Seconds until a job is asked about again of which PBS's answer could not be read.
  private static let unreadableInterval = 30.0
  /// Seconds within which a full poll follows when a job has gone.
  private static let confirmation = 0.5

  /// - Parameters:
  ///   - expected: UIDs of the pods that name jobs, by these.
  ///   - listed: all jobs that PBS lists, where it was asked; nil where only some jobs were asked
  ///     about, as those that hints name.
  func enter(
    _ stat: JobStat, began: Double, expected: [String: Set<String>], listed: Set<String>?
  ) {
    let told = stat.jobs.map { $0.believed(by: world.reliance) }
    // Another pod's job: what these pods had is lost, or what they name is not theirs. Of some jobs
    // alone it is not judged: the next full poll asks about the others, too.
    var missing = listed == nil ? [:] : formerPods(told, expected: expected)
    // Most looks raise no doubt and end none: then it matters to nobody how many there are.
    let mayDoubt =
      !stat.unknown.isEmpty || !expected.isEmpty || !missing.isEmpty || judge.isDoubting
    let knownOnHosts = mayDoubt ? world.jobs.onHosts.count { !actions.isDeleting($0) } : 0
    // Silence is not an end, and not every "unknown" is one.
    var vanished: Set<LostJob> = []
    unreadable = unreadable.filter { $0.value > began }
    for id in stat.unreadable { unreadable[id] = began + Self.unreadableInterval }
    for job in told {
      let uid = job.pod?.uid
      let isOurs = world.follows(job)
      if !isOurs { world.backOff(job.id, now: clock.now) }
      world.release(job.id, unlessOf: isOurs ? uid : nil)
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
    // What has gone since the list was made, or while some jobs were asked about, may have gone with
    // many others: the next full poll tells.
    var isToBeAsked = false
    for id in stat.unknown {
      let isCertain = listed.map { !$0.contains(id) } ?? false
      if let known = world.jobs[id], !known.isOnHost || actions.isDeleting(id) {
        actions.ended(id, "PBS no longer knows the job", nil)
      } else if !isCertain {
        // At the usual pace where PBS goes on listing what it does not know.
        if world.jobs[id]?.isUnconfirmed == false { isToBeAsked = true }
        world.markUnconfirmed(id)
      } else {
        if let pod = world.jobs[id]?.job.pod?.uid { vanished.insert(LostJob(id: id, pod: pod)) }
        // The number may have been another's in between.
        if let pods = expected[id] { missing[id] = pods }
      }
    }
    if isToBeAsked { pollSoon(within: Self.confirmation) }
    // What some jobs say neither ends a doubt nor confirms it.
    guard let listed else { return }
    // Neither there nor gone: nothing is to rely upon it.
    for id in stat.unreadable where !listed.contains(id) { world.markUnconfirmed(id) }
    let words = "PBS no longer knows the job"
    // Also those that were not asked about, since nothing of them could be read a moment ago.
    let answered = Set(stat.jobs.map(\.id))
    let untold = judge.doubted.filter {
      expected[$0.id]?.contains($0.pod) == true || isOnHost($0)
    }.union(unreadable.keys.flatMap { lost($0, expected: expected) })
      .filter { !answered.contains($0.id) }
    let believed = judge.believed(
      vanished.union(missing.flatMap { id, pods in pods.map { LostJob(id: id, pod: $0) } }),
      untold: untold, of: knownOnHosts + expected.count, now: clock.now)
    for job in believed {
      actions.ended(job.id, words, vanished.contains(job) ? nil : job.pod)
    }
    for job in vanished where world.jobs[job.id] != nil { world.markUnconfirmed(job.id) }
  }
}
