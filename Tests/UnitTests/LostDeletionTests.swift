import ManualTime
import Testing

@testable import Runtime
@testable import pbs_broker

/// A job that PBS queues again while it is being deleted is deleted again.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct LostDeletionTests {
  @EventLoop
  private final class Site {
    private static var all: [Site] = []
    let clock = ManualClock()
    private(set) lazy var pbs = FakePBS(clock: clock)
    let lines = LogLines()
    var run: Deleter.Run? = .init(count: 1, isWaiting: false)
    private(set) lazy var deleter = Deleter(
      backend: pbs, inFlight: 3, isWanted: { _ in true }, run: { [unowned self] _ in run },
      onTaken: {}, clock: clock, log: lines.logger)

    init() { Self.all.append(self) }

    /// Asks for the deletion, as each comparison does, until PBS was asked so often.
    func deletions(_ count: Int) async -> Bool {
      await clock.soon { [self] in
        deleter.delete(.init(job: "1", reason: "its pod is gone"), ofPod: "a/b", in: "default")
        return pbs.deletions.count == count
      }
    }
  }

  @Test(arguments: [Deleter.Run(count: 1, isWaiting: true), .init(count: 2, isWaiting: false)])
  @EventLoop func aJobThatIsQueuedAgainIsDeletedAgainAtOnce(_ again: Deleter.Run) async {
    let site = Site()
    #expect(await site.deletions(1))
    for _ in 0..<5 { await Task { @EventLoop in }.value }
    let began = site.clock.now
    site.run = again
    #expect(await site.deletions(2))
    #expect(site.clock.now - began < 1)
    #expect(site.lines.all.count { $0.contains("queued again while it was being deleted") } == 1)
    // Once for each time.
    for _ in 0..<5 {
      site.deleter.delete(.init(job: "1", reason: "its pod is gone"), ofPod: "a/b", in: "default")
      await Task { @EventLoop in }.value
    }
    #expect(site.pbs.deletions.count == 2)
  }

  /// It was known as waiting, and may have been started before PBS was asked.
  @Test(arguments: [Deleter.Run(count: 0, isWaiting: true), nil])
  @EventLoop func aJobThatWasNotKnownToRunHasItsTime(_ before: Deleter.Run?) async {
    let site = Site()
    site.run = before
    #expect(await site.deletions(1))
    site.run = .init(count: 1, isWaiting: false)
    for _ in 0..<5 {
      site.deleter.delete(.init(job: "1", reason: "its pod is gone"), ofPod: "a/b", in: "default")
      await Task { @EventLoop in }.value
    }
    #expect(site.pbs.deletions == ["1"])
  }
}
