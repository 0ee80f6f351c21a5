import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// Whoever edits a pod again and again has PBS asked ever more seldom.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct AltererPatienceTests {
  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    /// What the pod asks for; nil for what the job has.
    var priority: String?
    private(set) lazy var alterer = Alterer(
      backend: pbs, inFlight: 2, isAway: { false },
      actions: .init(
        steps: { [unowned self] job throws(PBSError) in
          priority.map { (Self.edit(job, $0), [Self.step($0)]) }
        },
        taken: { [unowned self] _, _ in priority = nil },
        settled: { [unowned self] in compare($0) }), clock: clock, log: lines.logger)

    init() { Self.all.append(self) }

    private static func step(_ priority: String) -> JobChange {
      .alter([JobAttribute("Priority", priority)])
    }

    private static func edit(_ job: String, _ priority: String) -> JobEdit {
      JobEdit(
        job: job, attributes: [JobAttribute("Priority", priority)],
        terms: JobTerms(values: ["Priority": priority]))
    }

    /// As the broker does it, whenever something has changed.
    func compare(_ job: String = "1") {
      if let priority {
        alterer.want(Self.edit(job, priority), ofPod: "a/b", in: "default")
      } else {
        alterer.forget(job)
      }
    }

    /// A pod's owner who edits it every second.
    func edit(for seconds: Int, _ priority: (Int) -> String?) async {
      for second in 0..<seconds {
        self.priority = priority(second)
        compare()
        await clock.advance(by: 1)
      }
    }
  }

  /// PBS takes one, refuses the next one, and so on.
  @Test @EventLoop func whatIsTakenAndRefusedInTurnsIsTriedMoreAndMoreSeldom() async {
    let site = Site()
    site.pbs.failure = { $0.isMultiple(of: 2) ? nil : .refused("Job violates queue limits") }
    await site.edit(for: 600) { "\($0)" }
    // Waits of 0.5 s at the least, 1, 2 ... 30 s.
    #expect(site.pbs.changes.count <= 30)
    #expect(zip(site.pbs.moments, site.pbs.moments.dropFirst()).allSatisfy { $1 - $0 >= 0.5 })
  }

  @Test @EventLoop func whoTakesAnEditBackAndMakesItAgainIsNotAskedForAtOnce() async {
    let site = Site()
    site.pbs.failure = { _ in .refused("Job violates queue limits") }
    await site.edit(for: 120) { $0.isMultiple(of: 2) ? "5" : nil }
    #expect(site.pbs.changes.count == 1)
    #expect(site.alterer.refusal(of: "1") == nil)
    site.priority = "5"
    site.compare()
    #expect(site.alterer.refusal(of: "1") == "Job violates queue limits")
  }

  @Test @EventLoop func whoEditsNowAndThenWaitsForNothing() async {
    let site = Site()
    for number in 1...4 {
      site.priority = "\(number)"
      site.compare()
      #expect(await site.clock.soon(within: 1) { site.pbs.changes.count == number })
      await site.clock.advance(by: 601)
    }
  }

  @Test @EventLoop func ofAJobThatHasEndedNothingIsRemembered() async {
    let site = Site()
    site.pbs.failure = { _ in .refused("no") }
    site.priority = "5"
    site.compare()
    #expect(await site.clock.soon { site.alterer.refusal(of: "1") != nil })
    site.alterer.ended("1")
    #expect(site.alterer.refusal(of: "1") == nil)
  }
}
