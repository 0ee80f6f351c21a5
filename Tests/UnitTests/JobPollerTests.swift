import ManualTime
import Testing

@testable import Messages
@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// When PBS is asked, by a clock that moves as the test says.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct JobPollerTests {
  @EventLoop
  private final class Site {
    let clock = ManualClock()
    let lines = LogLines()
    let pbs: ListingPBS
    let world: World
    private(set) var ended: [String] = []
    private(set) lazy var poller = makePoller()
    private let settings: BrokerSettings
    private var running: Task<Void, Never>?

    init() throws {
      pbs = ListingPBS(clock: clock)
      world = World(user: "pbs-broker", hosts: [:], jitter: clock.jitter(), log: lines.logger)
      settings = try BrokerSettings(Settings(path: nil, program: "pbs-broker"))
    }

    private func makePoller() -> JobPoller {
      JobPoller(
        world: world, backend: pbs, settings: settings,
        actions: .init(
          ended: { [unowned self] id, _, _ in ended.append(id) }, isDeleting: { _ in false },
          polled: { _, _ in }, changed: {}),
        clock: clock, log: lines.logger)
    }

    /// Lets the poller run for so many seconds.
    func run(_ seconds: Double) async {
      if running == nil { running = Task { @EventLoop in await poller.run() } }
      await clock.advance(by: seconds)
    }

    func stop() { running?.cancel() }
  }

  /// A PBS that has these jobs, and notes when it is asked for what.
  private final class ListingPBS: PBSBackend {
    let users = SubmittingUsers(own: "pbs-broker")
    var jobs: [Job] = []
    var failure: PBSError?
    private(set) var lists: [Double] = []
    private(set) var stats: [(ids: Set<String>, at: Double)] = []
    private let clock: any Clock

    init(clock: any Clock) {
      self.clock = clock
    }

    func list(telling _: Set<String>) async throws(PBSError) -> JobListing {
      lists.append(clock.now)
      if let failure { throw failure }
      return JobListing(
        all: Set(jobs.map(\.id)), running: Set(jobs.filter(\.isRunning).map(\.id)))
    }
    func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
      stats.append((Set(ids), clock.now))
      let found = jobs.filter { ids.contains($0.id) }
      return JobStat(jobs: found, unknown: Set(ids).subtracting(found.map(\.id)))
    }
    func changes() async throws(PBSError) -> JobStat? { nil }
    func submit(_ job: JobDescription) async throws(PBSError) -> String { "1.pbsserver" }
    func delete(_ id: String, of _: String?, force: Bool) async throws(PBSError) {}
    func change(_ id: String, of _: String?, _ change: JobChange) async throws(PBSError) {}
    func server() async throws(PBSError) -> String { "pbsserver" }
    func hosts() async throws(PBSError) -> PBSHosts { PBSHosts() }
    let pace = LookPace(first: 0.25, second: 0.5)
  }

  @Test @EventLoop func whoHasNothingToDoAsksSeldom() async throws {
    let site = try Site()
    await site.run(3600)
    site.stop()
    // The first at once, then one each 10 s.
    #expect((355...365).contains(site.pbs.lists.count))
  }

  @Test @EventLoop func aPBSThatDoesNotAnswerIsAskedMoreAndMoreSeldom() async throws {
    let site = try Site()
    site.pbs.failure = .unavailable("qselect: Connection refused")
    await site.run(9)
    #expect(site.poller.isAway && site.poller.hindrance == nil)
    await site.run(3591)
    #expect(site.poller.hindrance == "PBS does not answer: qselect: Connection refused")
    // 5 to 10 s between two of them.
    #expect((360...730).contains(site.pbs.lists.count))
    #expect(site.lines.all.count { $0.hasPrefix("error") } == 1)
    site.pbs.failure = nil
    let asked = site.pbs.lists.count
    await site.run(10)
    site.stop()
    #expect(site.pbs.lists.count > asked && !site.poller.isAway)
    #expect(site.lines.all.count { $0.contains("PBS answers again") } == 1)
  }

  @Test @EventLoop func aHintMakesForOneQuestionAboutItsJobAtOnce() async throws {
    let site = try Site()
    site.pbs.jobs = [.with("1.pbsserver"), .with("2.pbsserver", pod: "uid-2")]
    site.world.setCluster(Cluster(id: "east", schedulerNames: ["pbs"]))
    await site.run(60)
    let before = site.pbs.stats.count
    let hinted = site.clock.now
    let id = try #require(JobID("1.pbsserver"))
    for _ in 0..<5 { site.poller.hint(id) }
    await site.run(0.1)
    site.stop()
    let asked = try #require(site.pbs.stats.count == before + 1 ? site.pbs.stats.last : nil)
    #expect(asked.ids.contains("1.pbsserver") && asked.at - hinted <= 0.03)
  }

  @Test @EventLoop func whatIsAskedForTogetherIsOnePoll() async throws {
    let site = try Site()
    await site.run(60)
    let before = site.pbs.lists.count
    for _ in 0..<100 { site.poller.pollSoon(within: 0.5) }
    await site.run(1)
    site.stop()
    #expect((1...2).contains(site.pbs.lists.count - before))
  }

  @Test @EventLoop func aJobThatEndsIsSaidToHaveEnded() async throws {
    let site = try Site()
    site.pbs.jobs = [.with("1.pbsserver", .running, substate: 42)]
    site.world.setCluster(Cluster(id: "east", schedulerNames: ["pbs"]))
    await site.run(30)
    #expect(site.world.jobs["1.pbsserver"]?.job.isRunning == true)
    site.pbs.jobs[0].state = .finished
    await site.run(60)
    site.stop()
    #expect(site.ended.first == "1.pbsserver")
  }
}
