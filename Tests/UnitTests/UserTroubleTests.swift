import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// A user of PBS who stops the process that acts as him, or has it say what he likes, has himself to
/// wait, and nobody else.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct UserTroubleTests {
  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = UsersPBS(clock: clock)
    let lines = LogLines()
    private(set) lazy var users = UserTrouble(clock: clock, log: lines.logger)
    var isAway = false
    /// By pod: whose its job is.
    private(set) var pods: [String: String?] = [:]
    private(set) var taken: [String] = []
    private(set) var failed: [String: PBSError] = [:]
    private(set) var settled: [String] = []
    private(set) lazy var submitter = Submitter(
      backend: pbs, users: users, inFlight: 3, isAway: { [unowned self] in isAway },
      actions: .init(
        job: { [unowned self] in job($0) },
        taken: { [unowned self] uid, _, _ in taken.append(uid) },
        failed: { [unowned self] uid, error in failed[uid] = error },
        settled: { [unowned self] uid in settled.append(uid) }, hindered: {},
        isWanted: { [unowned self] in pods[$0] != nil },
        terms: { [unowned self] in job($0) }), clock: clock, log: lines.logger)
    /// By job: whose it is.
    private var owners: [String: String] = [:]
    private(set) var deleted = 0
    private(set) lazy var deleter = Deleter(
      backend: pbs, users: users, inFlight: 3, isWanted: { _ in true },
      owner: { [unowned self] in owners[$0] }, onTaken: { [unowned self] in deleted += 1 },
      clock: clock, log: lines.logger)
    private(set) var changed = 0
    private(set) lazy var alterer = Alterer(
      backend: pbs, users: users, inFlight: 3, isAway: { [unowned self] in isAway },
      actions: .init(
        steps: { job throws(PBSError) in (Self.edit(job), [.hold]) },
        taken: { [unowned self] _, _ in changed += 1 },
        owner: { [unowned self] in owners[$0] }, settled: { _ in }), clock: clock,
      log: lines.logger)

    init() {
      Self.all.append(self)
      users.isAway = { [unowned self] in isAway }
    }

    func job(_ uid: String) -> JobDescription? {
      guard let user = pods[uid] else { return nil }
      var job = ScriptedPBS.job
      job.name = uid
      job.user = user
      job.hasOwnTerms = user != nil
      return job
    }

    func submit(_ count: Int, as user: String?) {
      for number in 1...count {
        let uid = "\(user ?? "own")-\(number)"
        pods[uid] = .some(user)
        submitter.add(uid, of: user ?? "own", as: user)
      }
    }

    /// A reload has given the pod's namespace to another user.
    func give(_ uid: String, to user: String?) {
      pods[uid] = .some(user)
      #expect(!submitter.changed(uid, of: "default", to: job(uid)))
    }

    func delete(_ count: Int, of user: String) {
      for number in 1...count {
        let job = "\(user)-\(number)"
        owners[job] = user
        deleter.delete(.init(job: job, reason: "it is over", force: false), ofPod: job, in: user)
      }
    }

    private static func edit(_ job: String) -> JobEdit {
      JobEdit(job: job, attributes: [], hold: true, terms: JobTerms(values: ["a": job]))
    }

    func change(_ count: Int, of user: String) {
      for number in 1...count {
        let job = "\(user)-\(number)"
        owners[job] = user
        alterer.want(Self.edit(job), ofPod: job, in: user)
      }
    }

    /// Lets time go by until then, at most for some minutes.
    func later(_ condition: @EventLoop () -> Bool) async {
      for _ in 0..<400 where !condition() { await clock.advance(by: 1) }
      #expect(condition())
    }

    func lines(about user: String, _ words: String) -> Int {
      lines.all.count { $0.contains(" as PBS user \(user) \(words)") }
    }

    func takes(of user: String) -> Int { taken.count { $0.hasPrefix("\(user)-") } }
  }

  @Test @EventLoop func whoStopsHisProcessStopsNobodyElse() async {
    let site = Site()
    site.pbs.states["games"] = .stopped
    for user in ["games", "daemon"] {
      site.submit(40, as: user)
      site.delete(40, of: user)
      site.change(40, of: user)
    }
    site.submit(40, as: nil)
    await site.clock.advance(by: 1)
    // All of the others', long before his first request has come to its end.
    #expect(site.takes(of: "daemon") == 40 && site.takes(of: "own") == 40)
    #expect(site.deleted == 40 && site.changed == 40)
    #expect(site.pbs.count(as: "games") == 6 && site.pbs.most["games"] == 6)
    #expect(site.submitter.hindrance == nil && !site.submitter.isPaused)
    #expect(site.pbs.most["daemon"] ?? 0 <= 6)
  }

  @Test @EventLoop func hisRequestsRestAndOneIsTriedAtATime() async {
    let site = Site()
    site.pbs.states["games"] = .stopped
    site.submit(40, as: "games")
    site.delete(40, of: "games")
    await site.clock.advance(by: 61)
    let tried = site.pbs.count(as: "games")
    await site.clock.advance(by: 1800)
    // After rests of 1 s at the least, 2, 4 ... 150 s, each for 60 s.
    #expect(site.pbs.count(as: "games") - tried <= 16)
    #expect(site.lines(about: "games", "rest: ") == 1)
    #expect(site.lines.all.count { $0.contains("PBS takes no jobs") } == 0)
    let job = site.job("games-1")
    let words = site.submitter.hindrance(of: "games-1", job)
    #expect(words?.hasPrefix("PBS answers nothing as user games: libpbs's helper") == true)
    #expect(site.submitter.hindrance(of: "own-1") == nil)
    site.pbs.states["games"] = nil
    await site.later { site.lines(about: "games", "work again") == 1 }
    #expect(site.submitter.hindrance(of: "games-1", job) == nil)
  }

  /// Trouble with submissions alone, such as a hook that errs, keeps no job from being deleted.
  @Test @EventLoop func whatPBSAnswersIsTroubleOfItsKind() async {
    let site = Site()
    site.pbs.states["games"] = .fails(.busy("qsub: Server is busy"))
    site.submit(5, as: "games")
    await site.clock.advance(by: 1)
    #expect(site.lines(about: "games", "rest: qsub") == 1)
    site.pbs.states["games"] = nil
    site.delete(5, of: "games")
    #expect(await site.clock.soon(within: 0.5) { site.deleted == 5 })
    #expect(await site.clock.soon(within: 10) { site.takes(of: "games") == 5 })
  }

  /// A process that works and stops in turns wins nothing by it.
  @Test @EventLoop func thatHeIsAnsweredNowAndThenDoesNotEndTheBackoff() async {
    let site = Site()
    var moments: [Double] = []
    for round in 1...12 {
      site.pbs.states["games"] = .fails(.unavailable("qsub: killed"))
      site.submit(3, as: "games")
      let asked = site.pbs.count(as: "games")
      await site.later { site.pbs.count(as: "games") > asked }
      moments.append(site.clock.now)
      site.pbs.states["games"] = nil
      site.submit(1, as: "games")
      await site.later { site.lines(about: "games", "work again") == round }
    }
    // Rests of 1 s at the least, 2, 4 ... 128, 150.
    #expect((moments.last ?? 0) - (moments.first ?? 0) > 700)
  }

  /// His process can say what it likes of limits.
  @Test(arguments: [
    "Maximum number of jobs already in complex", "Maximum number of jobs already in queue workq",
    "would exceed complex's per-user limit",
  ])
  @EventLoop func whatItSaysOfLimitsIsAboutHimAlone(_ words: String) async {
    let site = Site()
    site.pbs.states["games"] = .fails(.limit("qsub: \(words)"))
    site.submit(20, as: "games")
    await site.clock.advance(by: 1)
    site.submit(20, as: "daemon")
    site.submit(20, as: nil)
    await site.clock.advance(by: 1)
    #expect(site.takes(of: "daemon") == 20 && site.takes(of: "own") == 20)
    #expect(site.pbs.count(as: "games") <= 4 && site.failed.isEmpty)
    site.pbs.states["games"] = nil
    #expect(await site.clock.soon(within: 40) { site.takes(of: "games") == 20 })
  }

  @Test @EventLoop func aPBSThatAnswersNobodyIsNoUsersTrouble() async {
    let site = Site()
    site.pbs.states["games"] = .fails(.unavailable("cannot connect to server"))
    site.isAway = true
    site.submit(5, as: "games")
    site.delete(5, of: "games")
    await site.clock.advance(by: 30)
    #expect(site.pbs.asked.isEmpty)
    site.isAway = false
    site.pbs.states["games"] = nil
    site.submitter.start()
    site.deleter.start()
    #expect(await site.clock.soon(within: 1) { site.takes(of: "games") == 5 && site.deleted == 5 })
    #expect(site.lines(about: "games", "rest") == 0)
  }

  @Test @EventLoop func aPodThatGetsAnotherUserWaitsForTheFormerNoMore() async {
    let site = Site()
    site.pbs.states["games"] = .stopped
    site.submit(6, as: "games")
    await site.clock.advance(by: 1)
    site.give("games-5", to: "daemon")
    site.give("games-6", to: nil)
    await site.clock.advance(by: 0.1)
    #expect(Set(site.taken) == ["games-5", "games-6"])
    #expect(site.pbs.count(as: "daemon") == 1 && site.pbs.count(as: "pbs-broker") == 1)
    #expect(site.submitter.waiting == 2)
  }

  /// A job that was taken without proof shows that the next one would be as useless.
  @Test @EventLoop func jobsWithoutProofAreTheirUsersTrouble() async {
    let site = Site()
    site.submit(1, as: "games")
    await site.clock.advance(by: 1)
    let began = site.clock.now
    for _ in 0..<3 { site.submitter.doubt("job 1.pbsserver: no proof", as: "games") }
    site.submit(20, as: "games")
    site.submit(20, as: nil)
    await site.clock.advance(by: 60)
    #expect(site.takes(of: "own") == 20 && site.takes(of: "games") <= 8)
    #expect(site.lines(about: "games", "rest: job 1.pbsserver: no proof") == 1)
    site.submitter.trust(began - 1, as: "games")
    #expect(site.lines(about: "games", "work again") == 0, "a job of before says nothing")
    site.submitter.trust(site.clock.now, as: "games")
    await site.clock.advance(by: 1)
    #expect(site.lines(about: "games", "work again") == 1)
    #expect(site.submitter.waiting == 0)
  }

  @Test @EventLoop func atTheEndOnlyWhatIsUnderWayIsWaitedFor() async {
    let site = Site()
    site.pbs.states["games"] = .stopped
    site.submit(5, as: "games")
    await site.clock.advance(by: 1)
    var isOver = false
    Task { @EventLoop in
      await site.submitter.drain()
      isOver = true
    }
    await site.clock.advance(by: 58)
    #expect(!isOver)
    await site.clock.advance(by: 3)
    #expect(isOver && site.pbs.count(as: "games") == 2)
  }
}
