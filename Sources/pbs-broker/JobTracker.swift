import FoundationEssentials
import Logging
import Shared

/// Looks at PBS: cheaply at all jobs (qselect), at everything about a job only when
/// something changed or its turn has come (qstat).
@EventLoop
final class JobTracker {
  /// Seconds between looks while jobs are about to start; and when that has gone on for a while:
  /// each command takes one of the server's reserved ports for a minute.
  private static let briskInterval = 0.25
  private static let steadyInterval = 0.5
  private static let steadyAfter = 3.0
  /// Seconds between looks while there is nothing to do.
  private static let idleInterval = 10.0
  /// Seconds for which a submission keeps the looks brisk.
  private static let briskFor = 3.0
  /// Seconds after which a waiting job's comment, and a running job's run_count and
  /// exec_vnode, are looked at again; and how many of each in one look.
  private static let waitingRefresh = 5.0
  private static let runningRefresh = 30.0
  private static let refreshBatch = 200
  /// Seconds between looks at PBS's hosts; and between those that some pod waits for, which is
  /// more than a host needs to report to a server that has just started.
  private static let hostsInterval = 600.0
  private static let hostsNeededInterval = 15.0
  /// Seconds without hints after which they no longer count on.
  private static let hintsFor = 600.0

  private unowned let broker: Broker
  private let wakeup = Wakeup()
  private var vanishGuard: VanishGuard
  private var backoff = Backoff(first: 0.5, longest: 10)
  private var submittedAt = -Double.infinity
  /// When the submissions began that have been following each other.
  private var stirredAt = -Double.infinity
  private var hintedAt = -Double.infinity
  private var hinted: Set<String> = []
  private var lookedAt = -Double.infinity
  /// Moments from which on a complete look must begin, one that began earlier not counting.
  private var dueLooks: [Double] = [0]
  /// Jobs of our user that stand for no pod.
  private var foreign: Set<String> = []
  /// What PBS has called its jobs after their number: its server's name.
  private var servers: Set<Substring> = []
  /// When the first of the last looks, all of which listed no job, began.
  private var emptySince: Double?
  private var hosts = PBSHosts()
  private var hostsLookedAt = -Double.infinity
  /// Hosts that were down in the last look at hosts; nil while none was made because of that.
  private var hostsCalledDown: Set<String>?

  /// PBS did not answer the last look.
  private(set) var isAway = false
  /// Some pod asks for a host that is not known.
  var needsHosts = false

  init(broker: Broker) {
    self.broker = broker
    let settings = broker.settings
    vanishGuard = VanishGuard(
      share: settings.vanishShare, least: settings.vanishLeast, interval: settings.vanishInterval)
  }

  func run() async {
    while !Task.isCancelled {
      var delay = interval
      do throws(PBSError) {
        let now = Monotonic.now
        if dueLooks.contains(where: { $0 <= now }) || now - lookedAt >= fullInterval * 0.99 {
          try await look()
        } else {
          try await glance()
        }
        if isAway { broker.log.notice("PBS answers again") }
        isAway = false
        backoff.reset()
        delay = interval
        broker.startSubmissions()
      } catch {
        delay = backoff.delay()
        if !isAway { broker.log.error("PBS does not answer: \(error); trying again until it does") }
        isAway = true
        lookSoon(within: 0)
      }
      if isAway {
        try? await EventLoop.sleep(seconds: delay)
      } else {
        await wakeup.wait(atMost: delay)
      }
    }
  }

  /// A complete look within so many seconds.
  func lookSoon(within seconds: Double) {
    let moment = Monotonic.now + seconds
    // Requests come in bursts; one look a little later serves all of a burst.
    if !dueLooks.contains(where: { $0 >= moment && $0 < moment + 0.2 }) {
      dueLooks.append(moment + (dueLooks.isEmpty ? 0 : 0.1))
    }
    wakeup.wake(within: seconds)
  }

  func submitted(_ job: String) {
    servers.insert(Self.server(of: job))
    let now = Monotonic.now
    if now - submittedAt > Self.briskFor { stirredAt = now }
    submittedAt = now
    wakeup.wake(within: attentiveInterval)
  }

  /// Looks at this job soon. Of a server that PBS has not named itself, qstat is not asked: it
  /// would turn to a host of that name, whoever made it up.
  func hint(_ job: String) {
    hintedAt = Monotonic.now
    // Hints come in bursts: one command for all of them.
    guard servers.contains(Self.server(of: job)) else { return lookSoon(within: 0.02) }
    hinted.insert(job)
    wakeup.wake(within: 0.02)
  }

  /// "pbsserver" of "5.pbsserver".
  private static func server(of job: String) -> Substring {
    job.drop { $0 != "." }.dropFirst()
  }

  private var hasHints: Bool { Monotonic.now - hintedAt < Self.hintsFor }

  private var fullInterval: Double {
    hasHints ? broker.settings.lookIntervalWithHints : broker.settings.lookInterval
  }

  /// Jobs that have been sent to their host, which has not reported yet.
  private var starting: [String] {
    broker.jobs.values.filter { $0.job.isRunning && $0.job.substate != 42 }.map(\.job.id)
  }

  private var attentiveInterval: Double {
    Monotonic.now - stirredAt < Self.steadyAfter ? Self.briskInterval : Self.steadyInterval
  }

  private var interval: Double {
    if let due = dueLooks.min() { return min(max(due - Monotonic.now, 0), fullInterval) }
    let isBrisk = Monotonic.now - submittedAt < Self.briskFor
    if !starting.isEmpty || (isBrisk && !hasHints) { return min(attentiveInterval, fullInterval) }
    if broker.jobs.isEmpty, broker.expectedJobs().isEmpty {
      return max(Self.idleInterval, fullInterval)
    }
    return fullInterval
  }

  /// Looks only at what hints and starting jobs ask for, and at all when it is brisk.
  private func glance() async throws(PBSError) {
    if !hasHints { return try await look() }
    let ids = hinted.union(starting).subtracting(foreign)
    hinted.removeAll()
    guard !ids.isEmpty else { return }
    let began = Monotonic.now
    let stat = try await broker.backend.stat(Array(ids))
    take(stat, began: began, expected: [:], isWhole: false)
  }

  private func look() async throws(PBSError) {
    let begun = Monotonic.now
    let hinted = hinted
    self.hinted.removeAll()
    let listing = try await broker.backend.list()
    servers.formUnion(Set(listing.all.map(Self.server)))
    let expected = broker.expectedJobs()
    let ids = worthTelling(listing, begun: begun).union(expected.keys).union(
      hinted.subtracting(foreign))
    if !ids.isEmpty {
      let began = Monotonic.now
      let wasDoubting = vanishGuard.isDoubting
      let stat = try await broker.backend.stat(Array(ids))
      let leftOut = stat.jobs.first { isLeftOut($0, of: listing, begun: begun) }
      take(stat, began: began, expected: expected, isWhole: true)
      if vanishGuard.isDoubting, !wasDoubting {
        // Where PBS has lost its jobs and counts anew, those that seem to be there may be others, and
        // have been submitted for pods that wait for this look.
        foreign.removeAll()
        let rest = listing.all.subtracting(ids)
        broker.doubt(rest.intersection(broker.jobs.keys))
        let began = Monotonic.now
        let stat = try await broker.backend.stat(Array(rest))
        take(stat, began: began, expected: [:], isWhole: false)
      }
      if let leftOut {
        // Pods that wait for this look must not take it for PBS's word that they have no job.
        throw .unavailable("qselect did not list job \(leftOut.id), which is there")
      }
    }
    emptySince = listing.all.isEmpty ? emptySince ?? begun : nil
    await lookAtHosts(begun: begun)
    foreign.formIntersection(listing.all)
    dueLooks.removeAll { $0 <= begun }
    lookedAt = begun
    // PBS may list nothing for a moment after its start: two looks have to agree on that.
    let isCertain = emptySince.map { begun - $0 >= Broker.settling * 0.9 } ?? true
    broker.looked(begun: begun, tellsOfAbsence: isCertain)
    if !isCertain, broker.isAwaitingLook { lookSoon(within: Broker.settling) }
  }

  /// Whether a job that the listing should have is not in it.
  private func isLeftOut(_ job: Job, of listing: JobListing, begun: Double) -> Bool {
    guard !listing.all.contains(job.id), job.isOwned(by: broker.backend.user) else { return false }
    // Submitted after the listing had begun.
    if let known = broker.jobs[job.id], known.addedAt >= begun { return false }
    return job.isWaiting || job.isRunning || job.isSuspended
  }

  /// Which hosts there are; and which are down, while the fate of a pod depends on that: those that
  /// two looks in a row call so. A server that has just started calls all of them down until they
  /// have reported.
  private func lookAtHosts(begun: Double) async {
    let downMatters = broker.hasTerminatingPods
    if !downMatters {
      hostsCalledDown = nil
      hosts.down = []
      broker.setHosts(hosts)
    }
    let interval = downMatters || needsHosts ? Self.hostsNeededInterval : Self.hostsInterval
    guard downMatters && hostsCalledDown == nil || begun - hostsLookedAt > interval else { return }
    needsHosts = false
    hostsLookedAt = begun
    do throws(PBSError) {
      hosts = try await broker.backend.hosts()
    } catch {
      broker.log.warning("PBS's hosts cannot be listed: \(error)")
      // A host may have returned meanwhile.
      hosts.down = []
      hostsCalledDown = []
      return broker.setHosts(hosts)
    }
    let calledDown = hosts.down
    hosts.down.formIntersection(hostsCalledDown ?? [])
    if downMatters { hostsCalledDown = calledDown }
    broker.setHosts(hosts)
  }

  /// The jobs of which more than the listing is needed.
  private func worthTelling(_ listing: JobListing, begun: Double) -> Set<String> {
    var ids = listing.all.subtracting(foreign).subtracting(broker.jobs.keys).union(broker.doubted)
    var waiting: [(String, Double)] = []
    var running: [(String, Double)] = []
    for (id, known) in broker.jobs {
      if !listing.all.contains(id) {
        // Not there: ask, unless it was submitted after the listing had begun.
        if known.addedAt < begun { ids.insert(id) }
      } else if listing.running.contains(id) != known.job.isRunning
        || (known.job.isRunning && known.job.substate != 42) || known.deletedAt != nil
        || known.hasVanished
      {
        ids.insert(id)
      } else if known.job.isRunning {
        if begun - known.statAt > Self.runningRefresh { running.append((id, known.statAt)) }
      } else if begun - max(known.statAt, known.addedAt) > Self.waitingRefresh || known.statAt == 0
      {
        waiting.append((id, known.statAt))
      }
    }
    for stale in [waiting, running] {
      ids.formUnion(stale.sorted { $0.1 < $1.1 }.prefix(Self.refreshBatch).map(\.0))
    }
    return ids
  }

  /// - Parameter isWhole: whether all jobs were looked at, not some that hints were about.
  private func take(
    _ stat: JobStat, began: Double, expected: [String: String], isWhole: Bool
  ) {
    let knownRunning = broker.jobs.values.filter { $0.isOnHost && $0.deletedAt == nil }.count
    // Silence is not an end, and not every "unknown" is one.
    var vanished: Set<String> = []
    for job in stat.jobs {
      broker.release(job.id, unlessOf: job.pod?.uid)
      // A PBS that has lost its jobs counts anew: this is another job.
      if let uid = expected[job.id], uid != job.pod?.uid { vanished.insert(job.id) }
      if job.hasEnded {
        broker.end(job.id, words: words(of: job), uid: job.pod?.uid)
      } else if let uid = job.pod?.uid {
        broker.add(job, began: began)
        broker.reconcile(uid)
      } else {
        foreign.insert(job.id)
      }
    }
    for id in stat.unknown {
      if let known = broker.jobs[id], known.deletedAt != nil || !known.isOnHost {
        broker.end(id, words: "PBS no longer knows the job", uid: nil)
      } else if broker.jobs[id] != nil || expected[id] != nil {
        vanished.insert(id)
      }
    }
    let wasDoubting = vanishGuard.isDoubting
    let total = knownRunning + expected.count
    // What some jobs say neither ends a doubt nor confirms it.
    guard isWhole || !wasDoubting else { return }
    let believed = vanishGuard.believed(vanished, of: total, now: Monotonic.now)
    for id in believed {
      broker.end(id, words: "PBS no longer knows the job", uid: expected[id])
    }
    for id in vanished.subtracting(believed) where expected[id] == nil { broker.doubtEnd(of: id) }
    if vanishGuard.isDoubting, !wasDoubting {
      broker.log.error(
        "\(vanished.count) of \(total) running jobs have vanished from PBS at once: no pod is deleted until two further looks, \(Int(broker.settings.vanishInterval)) s apart, agree"
      )
    }
  }

  private func words(of job: Job) -> String {
    let status = job.exitStatus.map { " (Exit_status \($0))" } ?? ""
    return (job.comment ?? "PBS gives no reason") + status
  }
}
