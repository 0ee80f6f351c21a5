import Testing

@testable import Runtime

@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct WorkQueueTests {
  /// Work that ends when the test says so.
  @EventLoop
  private final class Site {
    var limit = 2
    var started: [Int] = []
    var emptied = 0
    private var open: [Int: CheckedContinuation<Void, Never>] = [:]
    private(set) lazy var queue = WorkQueue<Int>(
      limit: { [unowned self] in limit },
      work: { [unowned self] item in
        started.append(item)
        await withCheckedContinuation { open[item] = $0 }
      })

    init() {
      queue.onEmpty = { [unowned self] in emptied += 1 }
    }

    /// Lets what has been asked for happen: tasks on the loop run in the order of their making.
    func settle() async {
      for _ in 0..<3 { await Task { @EventLoop in }.value }
    }

    func end(_ item: Int) async {
      open.removeValue(forKey: item)?.resume()
      await settle()
    }
  }

  @Test @EventLoop func startsInOrderAndNoMoreThanTheLimit() async {
    let site = Site()
    for item in 1...4 { site.queue.add(item) }
    await site.settle()
    #expect(site.started == [1, 2])
    #expect(site.queue.count == 2)
    await site.end(2)
    #expect(site.started == [1, 2, 3])
    await site.end(1)
    await site.end(3)
    await site.end(4)
    #expect(site.started == [1, 2, 3, 4])
    #expect(site.queue.count == 0)
  }

  @Test @EventLoop func aLimitOfZeroHoldsTheQueueUntilItIsStarted() async {
    let site = Site()
    site.limit = 0
    site.queue.add(1)
    await site.settle()
    #expect(site.started == [])
    site.limit = 2
    site.queue.start()
    await site.settle()
    #expect(site.started == [1])
    await site.end(1)
  }

  @Test @EventLoop func saysWhenNothingWaitsAnyMore() async {
    let site = Site()
    site.limit = 1
    site.queue.add(1)
    site.queue.add(2)
    await site.settle()
    let before = site.emptied
    await site.end(1)
    #expect(site.emptied == before + 1)
    await site.end(2)
    #expect(site.emptied == before + 1)
  }
}
