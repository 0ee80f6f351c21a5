import ConnectorMetrics
import Logging
import Messages
import Runtime

/// Polls PBS, as ``PollPlan`` says, and enters what it tells into the world: a full poll lists all
/// jobs and asks more about those that changed; a targeted poll asks about single jobs.
@EventLoop
final class JobPoller {
  /// Full polls that may be due at different moments.
  private static let mostDuePolls = 64
  /// Seconds without an answer after which pods are told.
  private static let quiet = 10.0

  let world: World
  let backend: any PBSBackend
  var settings: BrokerSettings
  let actions: Actions
  private let log: Logger
  let clock: any Clock
  private let wakeup: Wakeup
  private let hostPoller: HostPoller
  var judge: DisappearanceJudge
  private var backoff: Backoff
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
  var unreadable: [String: Double] = [:]
  /// The server's name in its jobs' ids; empty while it is not known.
  private var server = ""
  /// When the first of the last polls, all of which listed no job, began.
  private var emptySince: Double?
  /// Since when PBS has not answered, and its words; nil while it answers.
  private var away: (since: Double, words: String)?

  init(
    world: World, backend: any PBSBackend, settings: BrokerSettings, actions: Actions,
    clock: any Clock, log: Logger
  ) {
    self.world = world
    self.backend = backend
    self.settings = settings
    self.actions = actions
    self.clock = clock
    wakeup = Wakeup(clock: clock)
    backoff = Backoff(first: 0.5, longest: 10, jitter: clock.jitter())
    self.log = log
    hostPoller = HostPoller(backend: backend, jitter: clock.jitter(), log: log)
    judge = DisappearanceJudge(settings: settings, log: log)
  }

  /// PBS did not answer the last poll.
  var isAway: Bool { away != nil }

  /// Why nothing is known of jobs, once that has lasted for some seconds; nil while PBS answers.
  var hindrance: String? {
    guard let away, clock.now - away.since >= Self.quiet else { return nil }
    return "PBS does not answer: \(away.words)"
  }

  func run() async {
    while !Task.isCancelled {
      var delay = interval
      do throws(PBSError) {
        let now = clock.now
        if duePolls.contains(where: { $0 <= now }) || now - polledAt >= fullInterval * 0.99 {
          try await pollAll()
        } else {
          try await pollSome()
        }
        returned()
        delay = interval
      } catch {
        delay = backoff.delay()
        failed(error)
      }
      actions.changed()
      if isAway {
        try? await clock.sleep(seconds: delay)
      } else {
        await wakeup.wait(atMost: delay)
      }
    }
  }

  private func failed(_ error: PBSError) {
    Metric.polls.count(1, error.word)
    if away == nil { log.error("PBS does not answer: \(error); trying again until it does") }
    away = (away?.since ?? clock.now, error.description)
    pollSoon(within: 0)
    if hindrance != nil { world.markAllChanged() }
  }

  private func returned() {
    Metric.polls.count(1, "ok")
    backoff.reset()
    guard away != nil else { return }
    log.notice("PBS answers again")
    away = nil
    world.markAllChanged()
  }

  // MARK: When

  /// A full poll within so many seconds.
  func pollSoon(within seconds: Double) {
    let moment = clock.now + seconds
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
    let now = clock.now
    if now - submittedAt > PollPlan.submissionCounts { busySince = now }
    submittedAt = now
    wakeup.wake(within: min(backend.pace.second, settings.lookInterval))
  }

  /// Asks about this job soon. Only jobs that are known are asked about by their ids, as PBS told
  /// them; a hint of another makes for a full poll, which tells it if it is ours.
  func hint(_ job: JobID) {
    let id = job.description
    guard world.jobs[id] != nil, hints.note(id) else {
      let isKnownToBeNone = world.foreignJobs.contains(id)
      return isKnownToBeNone ? () : pollSoon(within: hints.isReliable(now: clock.now) ? 0.1 : 1)
    }
    // Hints come in bursts: one command for all of them.
    wakeup.wake(within: 0.02)
  }

  private var fullInterval: Double {
    let isHinted = hints.isReliable(now: clock.now)
    return max(
      isHinted ? settings.lookIntervalWithHints : settings.lookInterval, backend.pace.listing)
  }

  private var interval: Double {
    let now = clock.now
    if let due = duePolls.min() { return min(max(due - now, 0), fullInterval) }
    let isHinted = hints.isReliable(now: now)
    let isBusy = now - submittedAt < PollPlan.submissionCounts && !isHinted
    var pace = backend.pace
    if isHinted { pace.waiting = .infinity }
    return PollPlan.interval(
      jobs: world.jobs, busySince: isBusy ? busySince : nil,
      expectsMore: !world.expectedJobs(server: server).isEmpty, interval: fullInterval,
      pace: pace, now: now)
  }

  // MARK: Asking

  /// Asks about jobs that hints name or that are about to start; without hints about what has
  /// changed, or about all where PBS cannot tell that.
  private func pollSome() async throws(PBSError) {
    let began = clock.now
    guard hints.isReliable(now: began) || !hints.jobs.isEmpty else {
      guard let changes = try await backend.changes() else { return try await pollAll() }
      return enter(changes, began: began, expected: [:], listed: nil)
    }
    let hinted = hints.take().filter(world.jobs.contains)
    let ids = hinted.union(world.jobs.starting.keys)
    guard !ids.isEmpty else { return }
    let before = hinted.compactMap { id in world.jobs[id].map { (id, $0.job) } }
    var stat: JobStat?
    if ids.count > hinted.count { stat = try await backend.changes() }
    if stat == nil { stat = try await backend.stat(Array(ids)) }
    if let stat { enter(stat, began: began, expected: [:], listed: nil) }
    if before.contains(where: { world.jobs[$0.0]?.job != $0.1 }) {
      if !hints.isReliable(now: began) { log.debug("hints prove true and are relied upon") }
      hints.proved(now: clock.now)
    }
  }

  private func pollAll() async throws(PBSError) {
    let begun = clock.now
    let hinted = hints.take()
    let asked = unconfirmed
    let listing = try await backend.list(telling: asked)
    try await learnServer(listing)
    let expected = world.expectedJobs(server: server)
    let ids = PollPlan.jobsToStat(
      world.jobs, listing: listing, foreign: world.foreignJobs,
      unconfirmed: asked, begun: begun
    ).union(Set(expected.keys).subtracting(listing.changed.told))
      .union(listing.tellsChanges ? [] : hinted.filter(world.jobs.contains))
      .filter { unreadable[$0] ?? 0 <= begun }
    if !ids.isEmpty || !listing.changed.told.isEmpty {
      try await stat(ids, listing: listing, expected: expected, begun: begun)
    }
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
    let isReadable = !unreadable.keys.contains {
      listing.all.contains($0) && !world.jobs.contains($0)
    }
    let isCertain = isWaitedOut && isReadable
    actions.polled(begun, isCertain)
    if !isCertain, world.isAwaitingPoll { pollSoon(within: Broker.settling) }
  }

  private func stat(
    _ ids: Set<String>, listing: JobListing, expected: [String: Set<String>], begun: Double
  ) async throws(PBSError) {
    let began = listing.tellsChanges ? begun : clock.now
    let wasDoubting = judge.isDoubting
    var stat = listing.changed
    do throws(PBSError) {
      var asked = ids
      if let witness = witness(listing, asked: ids) { asked.insert(witness) }
      if !asked.isEmpty { stat.add(try await backend.stat(Array(asked))) }
      let told = stat.jobs.map { $0.believed(by: world.reliance) }
      if !judge.isDoubting, !formerPods(told, expected: expected).isEmpty {
        let rest = unasked(listing, asked: asked)
        if !rest.isEmpty { stat.add(try await backend.stat(Array(rest))) }
      }
    } catch {
      // It is not told a second time.
      enter(listing.changed, began: began, expected: [:], listed: nil)
      throw error
    }
    let leftOut = stat.jobs.first { isLeftOut($0, of: listing, begun: begun) }
    enter(stat, began: began, expected: expected, listed: listing.all)
    if judge.isDoubting, !wasDoubting {
      // Where PBS has lost its jobs and counts anew, those that seem to be there may be others, and
      // have been submitted for pods that wait for this poll.
      world.forgetForeign()
      let rest = listing.all.subtracting(stat.told)
      unconfirmed.formUnion(rest.filter(world.jobs.contains))
      let began = clock.now
      let stat = try await backend.stat(Array(rest))
      enter(stat, began: began, expected: [:], listed: nil)
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
    } else if server.isEmpty, world.hasNamedJobs || world.needsServer {
      server = try await backend.server()
    }
    world.server = server
  }
}
