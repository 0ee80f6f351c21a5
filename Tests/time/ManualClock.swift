import FoundationEssentials
import Runtime
import Synchronization

/// Time that stands still until ``advance(by:)`` or ``advanceToNext()`` moves it. Timers fire in the
/// order of their moments, and those of one moment in the order in which they were armed. All
/// randomness comes from the seed.
public final class ManualClock: Clock {
  private struct Moment: Comparable {
    var at: Double
    var number: UInt64

    static func < (left: Moment, right: Moment) -> Bool {
      left.at == right.at ? left.number < right.number : left.at < right.at
    }
  }

  private final class Entry: Timer {
    private weak var clock: ManualClock?
    let handler: @EventLoop () -> Void
    private var moment: Moment?

    init(_ clock: ManualClock, _ handler: @escaping @EventLoop () -> Void) {
      self.clock = clock
      self.handler = handler
    }

    func schedule(after seconds: Double) {
      guard let clock else { return }
      suspend()
      clock.lastNumber += 1
      let moment = Moment(at: clock.now + max(seconds, 0), number: clock.lastNumber)
      self.moment = moment
      clock.heap.insert(moment)
      clock.armed[moment.number] = Armed(entry: self)
    }

    func suspend() {
      guard let moment else { return }
      self.moment = nil
      clock?.armed[moment.number] = nil
    }
  }

  private struct Armed {
    weak var entry: Entry?
  }

  /// The smallest moment first.
  private struct Heap {
    private var items: [Moment] = []
    var first: Moment? { items.first }

    mutating func insert(_ item: Moment) {
      items.append(item)
      var index = items.count - 1
      while index > 0, items[index] < items[(index - 1) / 2] {
        items.swapAt(index, (index - 1) / 2)
        index = (index - 1) / 2
      }
    }

    mutating func removeFirst() {
      items.swapAt(0, items.count - 1)
      items.removeLast()
      var index = 0
      while true {
        var least = index
        for child in [2 * index + 1, 2 * index + 2]
        where child < items.count && items[child] < items[least] { least = child }
        if least == index { return }
        items.swapAt(index, least)
        index = least
      }
    }
  }

  private let start: Double
  private let startDate: Date
  private let present: Mutex<Double>
  private var heap = Heap()
  /// The timers of the moments, by their numbers.
  private var armed: [UInt64: Armed] = [:]
  private var lastNumber: UInt64 = 0
  private var generator: Jitter

  /// - Parameters:
  ///   - now: the first moment, in seconds.
  ///   - date: the time of day then.
  public init(
    now: Double = 1000, date: Date = Date(timeIntervalSince1970: 1_800_000_000), seed: UInt64 = 1
  ) {
    start = now
    startDate = date
    present = Mutex(now)
    generator = Jitter(seed: seed)
  }

  public nonisolated var now: Double { present.withLock { $0 } }

  public nonisolated var date: Date { startDate.addingTimeInterval(now - start) }

  public func timer(_ handler: @escaping @EventLoop () -> Void) -> any Timer {
    Entry(self, handler)
  }

  public func random(in range: ClosedRange<Double>) -> Double {
    .random(in: range, using: &generator)
  }

  public func jitter() -> Jitter { generator.split() }

  /// The moment of the next timer; nil when none is armed.
  public var nextMoment: Double? {
    while let first = heap.first {
      if armed[first.number]?.entry != nil { return first.at }
      armed[first.number] = nil
      heap.removeFirst()
    }
    return nil
  }

  /// Moves to the next timer and calls its handler, and no other.
  /// - Parameter limit: not beyond this moment.
  /// - Returns: whether there was one until then.
  @discardableResult
  public func advanceToNext(until limit: Double = .infinity) -> Bool {
    guard let moment = nextMoment, moment <= limit,
      let entry = heap.first.flatMap({ armed[$0.number]?.entry })
    else {
      return false
    }
    heap.removeFirst()
    entry.suspend()
    present.withLock { $0 = max($0, moment) }
    entry.handler()
    return true
  }

  /// Moves by so many seconds. Between two timers, what they have set off gets to its end.
  public func advance(by seconds: Double) async {
    let end = now + seconds
    await EventLoop.settle()
    while advanceToNext(until: end) { await EventLoop.settle() }
    present.withLock { $0 = max($0, end) }
    await EventLoop.settle()
  }
}

extension EventLoop {
  /// Lets all tasks on the loop that can go on do so, by many turns.
  @EventLoop
  fileprivate static func settle() async {
    for _ in 0..<20 { await Task.yield() }
  }
}

extension ManualClock {
  /// Lets time go by until the condition holds, at most so many seconds of this clock.
  /// - Returns: whether it does.
  public func soon(
    within seconds: Double = 60, _ condition: @EventLoop () -> Bool
  ) async -> Bool {
    let end = now + seconds
    await EventLoop.settle()
    while !condition() {
      guard now < end else { return false }
      await advance(by: Self.step)
    }
    return true
  }

  /// Seconds between two looks at a condition.
  private static let step = 0.02
}
