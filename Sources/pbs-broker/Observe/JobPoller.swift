import Logging
import Shared

/// Polls PBS, as ``PollPlan`` says, and enters what it tells into the world: a full poll lists all
/// jobs and asks more about those that changed; a targeted poll asks about single jobs.
@EventLoop
final class JobPoller {
  /// Full polls that may be due at different moments.
  private static let mostDuePolls = 64
  /// Connections for polls below which PBS is not polled faster than usual.
  private static let reserve = 10
  /// Seconds until a job is asked about again of which PBS's answer could not be read.
  private static let unreadableInterval = 30.0
  /// Seconds without an answer after which pods are told.
  private static let quiet = 10.0

  let world: World
  let backend: any PBSBackend
  private let settings: BrokerSettings
  private let actions: Actions
  private let log: Logger
  private let wakeup = Wakeup()
  private let hostPoller: HostPoller
  private var judge: DisappearanceJudge
  private var backoff = Backoff(first: 0.5, longest: 10)
  private var submittedAt = -Double.infinity
  /// When the submissions began that have been following each other.
  private var busySince = -Double.infinity
  private var hints = HintBook()
  private var polledAt = -Double.infinity
  /// Moments from which on a full poll must begin, one that began earlier not counting.
  private var duePolls: [Double] = [0]
  /// Jobs of which the next full poll must tell all.
  private var unconfirmed: Set<String> = []
  /// Jobs of which PBS's answer could not be read, and until when they are not asked about.
  private var unreadable: [String: Double] = [:]
  /// The server's name in its jobs' ids; empty while it is not known.
  private var server = ""
  /// When the first of the last polls, all of which listed no job, began.
  private var emptySince: Double?
  /// Since when PBS has not answered, and its words; nil while it answers.
  private var away: (since: Double, words: String)?

  init(
    world: World, backend: any PBSBackend, settings: BrokerSettings, actions: Actions, log: Logger
  ) {
    self.world = world
    self.backend = backend
    self.settings = settings
    self.actions = actions
    self.log = log
    hostPoller = HostPoller(backend: backend, log: log)
    judge = DisappearanceJudge(settings: settings, log: log)
  }

  /// PBS did not answer the last poll.
  var isAway: Bool { away != nil }

  /// Why nothing is known of jobs, once that has lasted for some seconds; nil while PBS answers.
  var hindrance: String? {
    guard let away, Monotonic.now - away.since >= Self.quiet else { return nil }
    return "PBS does not answer: \(away.words)"
  }

  func run() async {
    while !Task.isCancelled {
      var delay = interval
      do throws(PBSError) {
        let now = Monotonic.now
        if duePolls.contains(where: { $0 <= now }) || now - polledAt >= fullInterval * 0.99 {
          try await pollAll()
        } else {
          try await pollHinted()
        }
        returned()
        delay = interval
      } catch {
        delay = backoff.delay()
        failed(error)
      }
      actions.changed()
      if isAway {
        try? await EventLoop.sleep(seconds: delay)
      } else {
        await wakeup.wait(atMost: delay)
      }
    }
  }

  private func failed(_ error: PBSError) {
    if away == nil { log.error("PBS does not answer: \(error); trying again until it does") }
    away = (away?.since ?? Monotonic.now, error.description)
    pollSoon(within: 0)
    if hindrance != nil { world.markAllChanged() }
  }

  private func returned() {
    backoff.reset()
    guard away != nil else { return }
    log.notice("PBS answers again")
    away = nil
    world.markAllChanged()
  }

  // MARK: When

  /// A full poll within so many seconds.
  func pollSoon(within seconds: Double) {
    let moment = Monotonic.now + seconds
    // Requests come in bursts; one poll a little later serves all of a burst.
    if !duePolls.contains(where: { $0 >= moment && $0 < moment + 0.2 }) {
      // Of many, as while PBS is away, the last one serves all.
      if duePolls.count >= Self.mostDuePolls { duePolls.removeLast() }
      duePolls.append(moment + (duePolls.isEmpty ? 0 : 0.1))
    }
    wakeup.wake(within: seconds)
  }

  /// The next full poll must tell all about this job.
  /// - Parameter seconds: how soon it has to be.
  func confirm(_ job: String, within seconds: Double = 0) {
    unconfirmed.insert(job)
    pollSoon(within: seconds)
  }

  func submitted(_ job: String) {
    let now = Monotonic.now
    if now - submittedAt > PollPlan.submissionCounts { busySince = now }
    submittedAt = now
    wakeup.wake(within: min(PollPlan.secondInterval, settings.lookInterval))
  }

  /// Asks about this job soon. Only jobs that are known are asked about by their ids, as PBS told
  /// them; a hint of another makes for a full poll, which tells it if it is ours.
  func hint(_ job: JobID) {
    let id = job.description
    guard world.jobs[id] != nil, hints.note(id) else {
      let isKnownToBeNone = world.foreignJobs.contains(id)
      return isKnownToBeNone ? () : pollSoon(within: hints.isReliable(now: Monotonic.now) ? 0.1 : 1)
    }
    // Hints come in bursts: one command for all of them.
    wakeup.wake(within: 0.02)
  }

  private var fullInterval: Double {
    hints.isReliable(now: Monotonic.now) ? settings.lookIntervalWithHints : settings.lookInterval
  }

  private var interval: Double {
    let now = Monotonic.now
    if let due = duePolls.min() { return min(max(due - now, 0), fullInterval) }
    // What is asked for in haste now would have to wait for its connection in a moment.
    if backend.connectionsLeft(for: .look) < Self.reserve { return fullInterval }
    let isBusy = now - submittedAt < PollPlan.submissionCounts && !hints.isReliable(now: now)
    return PollPlan.interval(
      jobs: world.jobs.values, busySince: isBusy ? busySince : nil,
      expectsMore: !world.expectedJobs(server: server).isEmpty, interval: fullInterval, now: now)
  }

  // MARK: Asking

  /// Asks about jobs that hints name or that are about to start; about all without hints.
  private func pollHinted() async throws(PBSError) {
    guard hints.isReliable(now: Monotonic.now) || !hints.jobs.isEmpty else {
      return try await pollAll()
    }
    let hinted = hints.take()
    let starting = world.jobs.values.filter { $0.startingSince != nil }.map(\.job.id)
    let ids = hinted.union(starting).intersection(world.jobs.keys)
    guard !ids.isEmpty else { return }
    let before = hinted.compactMap { id in world.jobs[id].map { (id, $0.job) } }
    let began = Monotonic.now
    let stat = try await backend.stat(Array(ids))
    enter(stat, began: began, expected: [:], isWhole: false)
    if before.contains(where: { world.jobs[$0.0]?.job != $0.1 }) {
      if !hints.isReliable(now: began) { log.debug("hints prove true and are relied upon") }
      hints.proved(now: Monotonic.now)
    }
  }

  private func pollAll() async throws(PBSError) {
    let begun = Monotonic.now
    let hinted = hints.take()
    let asked = unconfirmed
    let listing = try await backend.list()
    try await learnServer(listing)
    let expected = world.expectedJobs(server: server)
    let ids = PollPlan.jobsToStat(
      world.jobs, listing: listing, foreign: world.foreignJobs,
      unconfirmed: asked, begun: begun
    ).union(expected.keys).union(hinted.intersection(world.jobs.keys))
      .filter { unreadable[$0] ?? 0 <= begun }
    if !ids.isEmpty { try await stat(ids, listing: listing, expected: expected, begun: begun) }
    unconfirmed.subtract(asked)
    emptySince = listing.all.isEmpty ? emptySince ?? begun : nil
    await hostPoller.poll(for: world, begun: begun)
    world.keepForeign(among: listing.all)
    if !server.isEmpty { world.disownWhatIsNoJob(server: server) }
    duePolls.removeAll { $0 <= begun }
    polledAt = begun
    // PBS may list nothing for a moment after its start: two polls have to agree on that.
    let isWaitedOut = emptySince.map { begun - $0 >= Broker.settling * 0.9 } ?? true
    // A job that is listed, new to us and not readable may be any pod's.
    let isReadable = listing.all.subtracting(world.jobs.keys).isDisjoint(with: unreadable.keys)
    let isCertain = isWaitedOut && isReadable
    actions.polled(begun, isCertain)
    if !isCertain, world.isAwaitingPoll { pollSoon(within: Broker.settling) }
  }

  private func stat(
    _ ids: Set<String>, listing: JobListing, expected: [String: Set<String>], begun: Double
  ) async throws(PBSError) {
    let began = Monotonic.now
    let wasDoubting = judge.isDoubting
    let stat = try await backend.stat(Array(ids))
    let leftOut = stat.jobs.first { isLeftOut($0, of: listing, begun: begun) }
    enter(stat, began: began, expected: expected, isWhole: true)
    if judge.isDoubting, !wasDoubting {
      // Where PBS has lost its jobs and counts anew, those that seem to be there may be others, and
      // have been submitted for pods that wait for this poll.
      world.forgetForeign()
      let rest = listing.all.subtracting(ids)
      unconfirmed.formUnion(rest.intersection(world.jobs.keys))
      let began = Monotonic.now
      let stat = try await backend.stat(Array(rest))
      enter(stat, began: began, expected: [:], isWhole: false)
    }
    if let leftOut {
      // Pods that wait for this poll must not take it for PBS's word that they have no job.
      throw .unavailable("PBS did not list job \(leftOut.id), which is there")
    }
  }

  /// Learns the server's name from its jobs; asks for it where pods name jobs and there is none.
  private func learnServer(_ listing: JobListing) async throws(PBSError) {
    if let id = listing.all.first.flatMap({ JobID($0) }) {
      server = id.server
    } else if server.isEmpty, world.hasNamedJobs {
      server = try await backend.server()
    }
  }

  // MARK: Entering

  /// - Parameter isWhole: whether all jobs were polled, not some that hints were about.
  private func enter(
    _ stat: JobStat, began: Double, expected: [String: Set<String>], isWhole: Bool
  ) {
    let knownOnHosts = world.jobs.values.filter {
      $0.isOnHost && !actions.isDeleting($0.job.id)
    }.count
    // Silence is not an end, and not every "unknown" is one.
    var vanished: Set<String> = []
    var missing: [String: Set<String>] = [:]
    unreadable = unreadable.filter { $0.value > began }
    for id in stat.unreadable { unreadable[id] = began + Self.unreadableInterval }
    for job in stat.jobs.map({ $0.believed(by: world.reliance) }) {
      let uid = job.pod?.uid
      let isOurs = world.follows(job)
      world.release(job.id, unlessOf: isOurs ? uid : nil)
      // Another pod's job: what these pods name is not theirs, or PBS has lost its jobs and counts
      // anew.
      let others = (expected[job.id] ?? []).filter { $0 != uid || (!isOurs && job.hasEnded) }
      if !others.isEmpty { missing[job.id] = others }
      if !isOurs {
        world.addForeign(job.id)
      } else if job.hasEnded {
        actions.ended(job.id, job.lastWords, uid)
      } else {
        world.add(job, began: began, now: Monotonic.now)
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
    let believed = judge.believed(
      vanished.union(missing.keys), of: knownOnHosts + expected.count, now: Monotonic.now)
    for id in believed {
      if vanished.contains(id) { actions.ended(id, words, nil) }
      for uid in missing[id] ?? [] { actions.ended(id, words, uid) }
    }
    for id in vanished where world.jobs[id] != nil { world.markUnconfirmed(id) }
  }
}
