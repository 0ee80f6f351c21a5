import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// Each job is in the queue once, is asked about again before its command runs, and is tried again
/// with waits that grow.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct DeleterTests {
  @EventLoop
  private final class Site {
    /// As in the process, nothing goes before the last command has ended.
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    /// Ids of jobs that are to stay.
    var unwanted: Set<String> = []
    private(set) var taken = 0
    private(set) lazy var deleter = Deleter(
      backend: pbs, inFlight: 3, isWanted: { [unowned self] in !unwanted.contains($0) },
      onTaken: { [unowned self] in taken += 1 }, clock: clock, log: lines.logger)

    init() {
      Self.all.append(self)
    }

    func delete(_ jobs: String..., force: Bool = false) {
      for job in jobs {
        deleter.delete(
          .init(job: job, reason: "its pod is gone", force: force), ofPod: "a/b", in: "default")
      }
    }

    func count(_ prefix: String) -> Int { lines.all.count { $0.hasPrefix(prefix) } }
  }

  @Test @EventLoop func aJobIsInTheQueueOnce() async {
    let site = Site()
    site.pbs.isHolding = true
    for _ in 0..<4 { site.delete("1", "2", "3", "4") }
    #expect(await site.clock.soon { site.pbs.deletions.count == 3 })
    for _ in 0..<4 { site.delete("1", "2", "3", "4") }
    site.pbs.release()
    #expect(await site.clock.soon { site.taken == 4 })
    // PBS has taken it: it has time to come to its end.
    for _ in 0..<4 { site.delete("1", "2", "3", "4") }
    for _ in 0..<5 { await Task { @EventLoop in }.value }
    #expect(site.pbs.deletions == ["1", "2", "3", "4"])
    #expect(site.count("info") == 4)
    #expect(site.deleter.jobs == ["1", "2", "3", "4"])
    site.deleter.forget("1")
    #expect(!site.deleter.isDeleting("1") && site.deleter.isDeleting("2"))
  }

  @Test @EventLoop func whetherItIsWantedIsAskedBeforeItRuns() async {
    let site = Site()
    site.pbs.isHolding = true
    site.delete("1", "2", "3", "4", "5")
    #expect(await site.clock.soon { site.pbs.deletions.count == 3 })
    site.unwanted = ["4"]
    site.pbs.release()
    #expect(await site.clock.soon { site.taken == 4 })
    #expect(site.pbs.deletions == ["1", "2", "3", "5"])
    #expect(!site.deleter.isDeleting("4"))
  }

  @Test @EventLoop func whatFailsIsTriedAgainLaterAndLoggedOnce() async {
    let site = Site()
    site.pbs.failure = { $0 < 2 ? .busy("qdel: Server could not connect to MOM 1") : nil }
    #expect(
      await site.clock.soon {
        site.delete("1")
        return site.taken == 1
      })
    #expect(site.pbs.deletions == ["1", "1", "1"])
    let moments = site.pbs.moments
    #expect((1...2.5).contains(moments[1] - moments[0]))
    #expect((2...4.5).contains(moments[2] - moments[1]))
    #expect(site.count("warning") == 1 && site.count("notice") == 1)
  }

  @Test @EventLoop func whileAllFailOneIsTriedAtATime() async {
    let site = Site()
    site.pbs.isHolding = true
    site.pbs.failure = { $0 < 4 ? .unavailable("qdel: cannot connect to server") : nil }
    site.delete("1", "2", "3", "4", "5", "6")
    #expect(await site.clock.soon { site.pbs.deletions.count == 3 })
    site.pbs.release()
    #expect(await site.clock.soon { site.pbs.deletions.count >= 5 })
    let moments = site.pbs.moments
    // Those that were under way together are one failure.
    #expect(moments[3] - moments[2] >= 0.25)
    #expect(moments[4] - moments[3] >= 0.5)
    #expect(Set(site.pbs.deletions.prefix(5)) == ["1", "2", "3", "4", "5"])
  }

  @Test @EventLoop func whatIsNotAllowedIsSaidOnceAndNotTriedAgainForMinutes() async {
    let site = Site()
    site.pbs.failure = { $0 == 0 ? .unauthorized("qdel: Unauthorized Request 1") : nil }
    site.delete("1")
    #expect(await site.clock.soon { site.count("error") == 1 })
    site.delete("1", "2")
    #expect(await site.clock.soon { site.taken == 1 })
    site.delete("1", force: true)
    for _ in 0..<5 { await Task { @EventLoop in }.value }
    #expect(site.pbs.deletions == ["1", "2"])
    #expect(site.lines.all.contains { $0.contains("by pbs-broker") && $0.contains("qdel 1") })
  }

  @Test @EventLoop func aForcedDeletionDoesNotWaitForThePatienceOfTheOther() async {
    let site = Site()
    site.delete("1")
    #expect(await site.clock.soon { site.taken == 1 })
    site.delete("1")
    site.delete("1", force: true)
    #expect(await site.clock.soon { site.taken == 2 })
    site.delete("1", force: true)
    for _ in 0..<5 { await Task { @EventLoop in }.value }
    #expect(site.pbs.deletions == ["1", "1!"])
  }
}
