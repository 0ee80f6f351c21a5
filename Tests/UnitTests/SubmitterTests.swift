import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// First come, first served; what is PBS's own state is tried by one for all.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct SubmitterTests {
  @EventLoop
  private final class Site {
    /// As in the process, nothing goes before the last command has ended.
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    var isAway = false
    /// UIDs of pods that need no job any more.
    var unwanted: Set<String> = []
    private(set) var taken: [String: String] = [:]
    private(set) var failed: [String: PBSError] = [:]
    private(set) var settled: [String] = []
    /// What pods would be told, each time that they are to be told.
    private(set) var hindrances: [String?] = []
    private(set) lazy var submitter: Submitter = Submitter(
      backend: pbs, inFlight: 3, isAway: { [unowned self] in isAway },
      actions: .init(
        job: { [unowned self] uid in
          unwanted.contains(uid)
            ? nil
            : JobDescription(name: uid, chunks: [], walltime: nil, queue: nil, environment: [])
        },
        taken: { [unowned self] uid, _, id in taken[uid] = id },
        failed: { [unowned self] uid, error in failed[uid] = error },
        settled: { [unowned self] uid in settled.append(uid) },
        hindered: { [unowned self] in hindrances.append(submitter.hindrance) }), clock: clock,
      log: lines.logger)

    init() {
      Self.all.append(self)
    }

    func add(_ count: Int) {
      for number in 1...count { submitter.add("pod-\(number)", of: "default") }
    }

    var words: [String] { lines.all }
  }

  private static func names(_ range: ClosedRange<Int>) -> [String] { range.map { "pod-\($0)" } }

  @Test @EventLoop func inOrderAndNoMoreAtOnceThanAllowed() async {
    let site = Site()
    site.pbs.isHolding = true
    site.add(5)
    #expect(await site.clock.soon { site.pbs.submissions.count == 3 })
    #expect(site.pbs.submissions == Self.names(1...3))
    site.pbs.release()
    #expect(await site.clock.soon { site.settled.count == 5 })
    #expect(site.pbs.submissions == Self.names(1...5))
    #expect(site.taken["pod-1"] == "1.pbsserver" && site.taken.count == 5)
    #expect(site.failed.isEmpty && site.submitter.hindrance == nil)
  }

  @Test(arguments: [
    PBSError.busy("qsub: Server is busy"), .limit("qsub: Maximum number of jobs"),
    .unauthorized("qsub: Unauthorized Request"),
  ])
  @EventLoop func oneTriesForAllWhileItIsPBSsState(_ error: PBSError) async throws {
    let site = Site()
    site.pbs.isHolding = true
    // The three that are under way together, and two tries.
    site.pbs.failure = { $0 < 5 ? error : nil }
    site.add(8)
    #expect(await site.clock.soon { site.pbs.submissions.count == 3 })
    site.pbs.release()
    #expect(await site.clock.soon { site.settled.count == 8 })
    #expect(site.failed.isEmpty && site.taken.count == 8)
    #expect(site.pbs.submissions.count == 8 + 5)
    // Those that came together are one failure: the first wait is the first step, the next twice.
    let moments = try #require(site.pbs.moments.count == 13 ? site.pbs.moments : nil)
    #expect(moments[3] - moments[2] >= 0.5)
    #expect(moments[4] - moments[3] >= 1)
    #expect(site.words.count { $0.hasPrefix("warning") } == 1)
    #expect(site.words.count { $0.contains("PBS takes jobs again") } == 1)
  }

  /// PBS says of one job what it says of its own state.
  @Test(arguments: [
    PBSError.busy("qsub: filter hook encountered an exception"),
    .unauthorized("qsub: Bad UID for job execution"),
  ])
  @EventLoop func whoseJobAloneIsTurnedAwayHasItselfToBlame(_ error: PBSError) async throws {
    let site = Site()
    site.pbs.refusals = ["poison": error]
    site.submitter.add("poison", of: "default")
    #expect(await site.clock.soon { site.pbs.submissions.count == 2 })
    // Whoever comes does not wait for its next try, and is told nothing of it.
    for number in 1...6 {
      #expect(site.submitter.hindrance(of: "pod-\(number)") == nil)
      site.submitter.add("pod-\(number)", of: "default")
      #expect(await site.clock.soon { site.taken.count == number })
      if number == 1 { #expect(site.pbs.submissions.count { $0 == "poison" } <= 3) }
      let tries = site.pbs.submissions.count { $0 == "poison" }
      guard site.failed.isEmpty else { break }
      #expect(
        await site.clock.soon {
          !site.failed.isEmpty || site.pbs.submissions.count { $0 == "poison" } > tries
        })
    }
    #expect(site.failed == ["poison": .refused("\(error) (it takes the jobs of other pods)")])
    // From then on it stops nobody.
    site.submitter.add("poison", of: "default")
    site.submitter.add("last", of: "default")
    #expect(await site.clock.soon { site.taken["last"] != nil })
    #expect(site.submitter.hindrance == nil)
  }

  @Test @EventLoop func noPodTriesForAllForLong() async {
    let site = Site()
    site.pbs.refusals = ["pod-1": .busy("qsub: System error")]
    site.pbs.isHolding = true
    site.add(4)
    #expect(await site.clock.soon { site.pbs.submissions.count == 3 })
    site.unwanted = ["pod-2", "pod-3"]
    site.pbs.release()
    #expect(await site.clock.soon { site.taken["pod-4"] != nil })
    #expect(site.pbs.submissions.count { $0 == "pod-1" } <= 4)
  }

  @Test @EventLoop func aJobThatEndedMakesRoomAtOnce() async {
    let site = Site()
    site.pbs.failure = { $0 < 5 ? .limit("qsub: Maximum number of jobs") : nil }
    site.add(1)
    for tries in 1...5 {
      #expect(await site.clock.soon { site.pbs.submissions.count == tries })
      let before = site.clock.now
      while site.pbs.submissions.count == tries, site.clock.now < before + 10 {
        // Nothing is under way between the answer and the next try.
        site.submitter.jobEnded()
        await site.clock.advance(by: 0.01)
      }
    }
    #expect(await site.clock.soon { site.settled == ["pod-1"] })
    // The last wait alone would take at least 8 s.
    let moments = site.pbs.moments
    #expect(moments.count == 6 && moments[5] - moments[4] < 8)
  }

  @Test @EventLoop func podsAreToldOnceItHasLastedForSeconds() async {
    let site = Site()
    site.pbs.failure = { _ in .busy("qsub: Server is busy") }
    let began = site.clock.now
    site.add(5)
    #expect(await site.clock.soon { !site.hindrances.isEmpty })
    #expect(site.clock.now - began >= 5)
    #expect(site.hindrances == ["PBS takes no jobs at present: qsub: Server is busy"])
    site.pbs.failure = { _ in nil }
    #expect(await site.clock.soon { site.settled.count == 5 })
    #expect(site.submitter.hindrance == nil)
  }

  @Test @EventLoop func whenPBSIsOnlyBusyNoJobsEndHelps() async {
    let site = Site()
    site.pbs.failure = { $0 < 1 ? .busy("qsub: Server is busy") : nil }
    site.add(1)
    #expect(await site.clock.soon { site.words.count == 1 })
    site.submitter.jobEnded()
    #expect(await site.clock.soon { site.settled == ["pod-1"] })
    #expect(site.pbs.moments.count == 2 && site.pbs.moments[1] - site.pbs.moments[0] >= 0.5)
  }

  @Test(arguments: [PBSError.refused("qsub: illegal -l value"), .unavailable("qsub: killed")])
  @EventLoop func whatIsAboutOneSubmissionStopsNoOther(_ error: PBSError) async {
    let site = Site()
    site.pbs.failure = { $0 == 1 ? error : nil }
    site.add(4)
    #expect(await site.clock.soon { site.settled.count == 4 })
    #expect(site.failed == ["pod-2": error])
    #expect(site.pbs.submissions == Self.names(1...4))
  }

  @Test @EventLoop func whatIsWantedIsAskedWhenItsTurnComes() async {
    let site = Site()
    site.pbs.isHolding = true
    site.add(5)
    #expect(await site.clock.soon { site.pbs.submissions.count == 3 })
    site.unwanted = ["pod-4"]
    site.pbs.release()
    #expect(await site.clock.soon { site.settled.count == 5 })
    #expect(site.pbs.submissions == ["pod-1", "pod-2", "pod-3", "pod-5"])
  }

  @Test @EventLoop func nothingIsSubmittedWhilePBSIsAway() async {
    let site = Site()
    site.isAway = true
    site.add(2)
    for _ in 0..<5 { await Task { @EventLoop in }.value }
    #expect(site.pbs.submissions == [])
    site.isAway = false
    site.submitter.start()
    #expect(await site.clock.soon { site.settled.count == 2 })
  }
}
