import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// Each job is changed once, what PBS refuses stays as it is, and what fails is tried again.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct AltererTests {
  @EventLoop
  private final class Site {
    /// As in the process, nothing goes before the last command has ended.
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    /// What is wanted now, by the job's id.
    var steps: [String: [JobChange]] = [:]
    private(set) var taken: [JobChange] = []
    private(set) var settled = 0
    private(set) lazy var alterer = Alterer(
      backend: pbs, inFlight: 2, isAway: { false },
      actions: .init(
        steps: { [unowned self] job throws(PBSError) in
          steps[job].map { (Site.edit(job), $0) }
        },
        taken: { [unowned self] in taken.append($1) },
        settled: { [unowned self] _ in settled += 1 }), clock: clock,
      log: lines.logger)

    init() {
      Self.all.append(self)
    }

    static func edit(_ job: String, priority: String = "5") -> JobEdit {
      JobEdit(
        job: job, attributes: [JobAttribute("Priority", priority)],
        terms: JobTerms(values: ["Priority": priority]))
    }

    func want(_ job: String, priority: String = "5") {
      alterer.want(Self.edit(job, priority: priority), ofPod: "a/b", in: "default")
    }
  }

  private static let alter = JobChange.alter([JobAttribute("Priority", "5")])

  @Test @EventLoop func aJobIsInTheQueueOnceAndLookedAtAgain() async {
    let site = Site()
    site.pbs.isHolding = true
    for job in ["1", "2", "3", "4"] { site.steps[job] = [Self.alter] }
    for _ in 0..<3 { for job in ["1", "2", "3", "4"] { site.want(job) } }
    #expect(await site.clock.soon { site.pbs.changes.count == 2 })
    // Its pod asks for what it was submitted with again.
    site.steps["3"] = nil
    site.pbs.release()
    #expect(await site.clock.soon { site.settled == 4 })
    #expect(site.pbs.changes.map(\.job) == ["1", "2", "4"])
    #expect(site.taken.count == 3)
    #expect(site.lines.all.count { $0.contains("is changed: Priority") } == 3)
  }

  @Test @EventLoop func whatIsRefusedIsNotTriedAgainUntilThePodChanges() async {
    let site = Site()
    site.steps["1"] = [Self.alter]
    site.pbs.failure = { $0 == 0 ? .refused("Job violates queue limits") : nil }
    site.want("1")
    #expect(await site.clock.soon { site.settled == 1 })
    #expect(site.alterer.refusal(of: "1") == "Job violates queue limits")
    for _ in 0..<5 {
      site.want("1")
      await Task { @EventLoop in }.value
    }
    #expect(site.pbs.changes.count == 1)
    // The pod asks for something else: soon.
    site.want("1", priority: "6")
    #expect(site.alterer.refusal(of: "1") == nil)
    #expect(
      await site.clock.soon {
        site.want("1", priority: "6")
        return site.pbs.changes.count == 2
      })
    #expect(await site.clock.soon { site.taken.count == 1 })
  }

  @Test @EventLoop func anotherConfigurationHasWhatWasRefusedTriedAgain() async {
    let site = Site()
    site.steps["1"] = [Self.alter]
    site.pbs.failure = { $0 == 0 ? .unauthorized("Unauthorized Request") : nil }
    site.want("1")
    #expect(await site.clock.soon { site.alterer.refusal(of: "1") != nil })
    site.alterer.forgetRefusals()
    #expect(site.alterer.refusal(of: "1") == nil)
    site.want("1")
    #expect(await site.clock.soon { site.pbs.changes.count == 2 })
  }

  @Test @EventLoop func whatFailsIsNoRefusal() async {
    let site = Site()
    site.steps["1"] = [Self.alter]
    site.pbs.failure = { _ in .busy("Server is busy") }
    site.want("1")
    #expect(await site.clock.soon { site.settled == 1 })
    #expect(site.alterer.refusal(of: "1") == nil)
    #expect(site.lines.all.contains { $0.contains("cannot be changed (Priority): Server is busy") })
  }

  @Test @EventLoop func whatOneQueueDoesNotAllowIsTriedInTheNext() async {
    let site = Site()
    let move = JobChange.move(queue: "gpu")
    site.steps["1"] = [Self.alter, move]
    site.pbs.failure = { $0 == 0 ? .refused("Job violates queue limits") : nil }
    site.want("1")
    #expect(await site.clock.soon { site.settled == 1 })
    #expect(site.pbs.changes.map(\.change) == [Self.alter, move, Self.alter])
    #expect(site.taken == [move, Self.alter])
  }

  @Test @EventLoop func aJobThatIsAsItsPodAsksIsForgotten() async {
    let site = Site()
    site.steps["1"] = [Self.alter]
    site.pbs.failure = { $0 == 0 ? .refused("no") : nil }
    site.want("1")
    #expect(await site.clock.soon { site.settled == 1 })
    site.alterer.forget("1")
    #expect(site.alterer.refusal(of: "1") == nil)
  }
}
