import FoundationEssentials
import ManualTime
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// PBS loses its jobs, and what it tells then shows only some of that.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct LostJobsTests {
  /// A PBS that lists its user's jobs, as its commands do.
  private final class LosingPBS: PBSBackend {
    let users = SubmittingUsers(own: "pbs-broker")
    var jobs: [Job] = []
    /// Ids of which nothing is told that can be read.
    var unreadable: Set<String> = []
    var knowsWhatItLists = true
    /// Is done between a list and the next question.
    var afterList: @EventLoop (LosingPBS) -> Void = { _ in }
    private(set) var lists = 0

    func list(telling _: Set<String>) async throws(PBSError) -> JobListing {
      lists += 1
      let own = jobs.filter { $0.isOwned(by: "pbs-broker") }
      let listing = JobListing(
        all: Set(own.map(\.id)), running: Set(own.filter(\.isRunning).map(\.id)))
      afterList(self)
      return listing
    }
    func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
      let asked = Set(ids).subtracting(unreadable)
      let found = jobs.filter { knowsWhatItLists && asked.contains($0.id) }
      return JobStat(
        jobs: found, unknown: asked.subtracting(found.map(\.id)),
        unreadable: unreadable.intersection(ids))
    }
    func changes() async throws(PBSError) -> JobStat? { nil }
    func submit(_ job: JobDescription) async throws(PBSError) -> String { "1.pbsserver" }
    func delete(_ id: String, of _: String?, force: Bool) async throws(PBSError) {}
    func change(_ id: String, of _: String?, _ change: JobChange) async throws(PBSError) {}
    func server() async throws(PBSError) -> String { "pbsserver" }
    func hosts() async throws(PBSError) -> PBSHosts { PBSHosts() }
    let pace = LookPace(first: 0.25, second: 0.5)
  }

  @EventLoop
  private final class Site {
    let clock = ManualClock()
    let lines = LogLines()
    let pbs = LosingPBS()
    let world: World
    private(set) var ended: Set<String> = []
    private(set) lazy var poller = makePoller()
    private let settings: BrokerSettings
    private var running: Task<Void, Never>?

    /// - Parameter count: pods that are bound to node1 with jobs of the same numbers.
    init(bound count: Int) async throws {
      world = World(user: "pbs-broker", hosts: [:], jitter: clock.jitter(), log: lines.logger)
      settings = try BrokerSettings(Settings(path: nil, program: "pbs-broker"))
      world.setCluster(Cluster(id: "east", schedulerNames: ["pbs"]))
      world.update(Node(metadata: ObjectMeta(name: "node1"), ready: true))
      for number in 1...count {
        pbs.jobs.append(LostJobsTests.job(number, of: "bound-\(number)"))
        var pod = Pod(
          metadata: ObjectMeta(name: "p\(number)", namespace: "default", uid: "bound-\(number)"),
          spec: PodSpec(containers: [Container(name: "a")]))
        pod.spec.nodeName = "node1"
        pod.metadata.annotations = [WellKnown.jobID: "\(number).pbsserver"]
        _ = world.update(pod, owner: "b", now: clock.now)
      }
      world.watcherSynced(now: clock.now)
      await run(60)
      #expect(world.jobs.onHosts.count == count && ended.isEmpty)
    }

    private func makePoller() -> JobPoller {
      JobPoller(
        world: world, backend: pbs, settings: settings,
        actions: .init(
          ended: { [unowned self] id, words, uid in
            ended.insert(uid ?? world.jobs[id]?.job.pod?.uid ?? id)
            world.end(id, words: words, uid: uid, byUs: false, now: clock.now)
          },
          isDeleting: { _ in false }, polled: { _, _ in }, changed: {}),
        clock: clock, log: lines.logger)
    }

    /// Lets the poller run for so many seconds.
    func run(_ seconds: Double) async {
      if running == nil { running = Task { @EventLoop in await poller.run() } }
      await clock.advance(by: seconds)
    }

    func stop() { running?.cancel() }
  }

  private nonisolated static func job(_ number: Int, of pod: String) -> Job {
    var job = Job.with("\(number).pbsserver", .running, substate: 42, pod: pod)
    job.execHost = "node1/0"
    return job
  }

  /// Of 12 jobs that are lost, 4 seem to be there: the others are fewer than are doubted. Other users
  /// may have got the first numbers.
  @Test(arguments: [1...4, 9...12])
  @EventLoop func numbersThatAreGivenAgainHideNothing(_ again: ClosedRange<Int>) async throws {
    let site = try await Site(bound: 12)
    let others = (1..<again.lowerBound).map {
      Job.with("\($0).pbsserver", .running, owner: "alice@host", pod: nil)
    }
    site.pbs.jobs = others + again.map { Self.job($0, of: "new-\($0)") }
    await site.run(25)
    #expect(site.ended.isEmpty)
    #expect(site.lines.all.count { $0.contains("12 of 12 running jobs have vanished") } == 1)
    await site.run(100)
    site.stop()
    #expect(site.ended == Set((1...12).map { "bound-\($0)" }))
    #expect(site.world.jobs.count == 4)
  }

  /// A doubt about a job is none about the next one of the same number.
  @Test @EventLoop func jobsThatAreLostOnceMoreAreDoubtedAnew() async throws {
    let site = try await Site(bound: 12)
    site.pbs.jobs = []
    await site.run(40)
    site.pbs.jobs = (1...12).map { Self.job($0, of: "new-\($0)") }
    await site.run(10)
    #expect(site.ended.isEmpty && site.world.jobs.onHosts.count == 12)
    site.pbs.jobs = []
    await site.run(40)
    #expect(site.ended == Set((1...12).map { "bound-\($0)" }))
    await site.run(60)
    site.stop()
    #expect(site.ended.count == 24)
  }

  /// The list was made before, and most of its jobs are not asked about.
  @Test @EventLoop func jobsThatAreLostRightAfterTheListAreCounted() async throws {
    let site = try await Site(bound: 12)
    site.poller.confirm("7.pbsserver")
    site.pbs.afterList = { $0.jobs = [] }
    await site.run(20)
    #expect(site.ended.isEmpty && site.lines.all.contains { $0.contains("12 of 12") })
    await site.run(100)
    site.stop()
    #expect(site.ended.count == 12)
  }

  /// A hook tells of one of them first.
  @Test @EventLoop func aHintOfOneOfManyIsNotBelievedAlone() async throws {
    let site = try await Site(bound: 12)
    site.pbs.jobs = []
    site.poller.hint(try #require(JobID("3.pbsserver")))
    await site.run(20)
    #expect(site.ended.isEmpty)
    await site.run(100)
    site.stop()
    #expect(site.ended.count == 12)
  }

  @Test @EventLoop func oneJobThatGoesIsBelievedAtOnce() async throws {
    let site = try await Site(bound: 12)
    site.pbs.jobs.removeFirst()
    site.poller.hint(try #require(JobID("1.pbsserver")))
    await site.run(1)
    site.stop()
    #expect(site.ended == ["bound-1"])
  }

  /// PBS lists what it does not know: that makes no more polls than usual.
  @Test @EventLoop func aListThatIsWrongForLongCostsNothing() async throws {
    let site = try await Site(bound: 2)
    site.pbs.knowsWhatItLists = false
    let before = site.pbs.lists
    await site.run(600)
    site.stop()
    #expect(site.ended.isEmpty)
    #expect(site.pbs.lists - before < 320)
  }

  /// It is not listed, and what PBS says of it cannot be read.
  @Test @EventLoop func whatIsNeitherThereNorGoneIsNotReliedUpon() async throws {
    let site = try await Site(bound: 2)
    site.pbs.jobs = []
    site.pbs.unreadable = ["1.pbsserver"]
    await site.run(10)
    site.stop()
    #expect(site.ended == ["bound-2"])
    #expect(site.world.jobs["1.pbsserver"]?.isUnconfirmed == true)
  }

  /// Of two jobs of a pod the one that stays has to be there still.
  @Test(arguments: [(5.0, 5.0, true), (5, 4, true), (4, 5, false)])
  func aDoubleGoesOnceTheOtherIsKnownToBeThere(
    _ keeperAt: Double, _ otherAt: Double, _ goes: Bool
  ) throws {
    let jobs = [Job.with("1.s", .queued), Job.with("2.s", .queued)]
    let pod = try Pod.with()
    let decision = Reconciliation.decide(
      Situation(
        presence: .present(pod), jobs: jobs, knownAt: ["1.s": keeperAt, "2.s": otherAt],
        now: Date(timeIntervalSince1970: 1_795_491_287)))
    #expect(decision.deletions.map(\.job) == (goes ? ["2.s"] : []))
    #expect(decision.unconfirmed == (goes ? nil : "1.s"))
  }
}
