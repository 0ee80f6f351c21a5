import FoundationEssentials
import ManualTime

@testable import Runtime
@testable import Wire

/// One run: a site, its connector, its users, and all that fails, from a seed and a plan.
@EventLoop
final class Run {
  /// When runs begin, on their clock; seconds.
  nonisolated static let beginning = 1000.0
  /// Seconds between polls of PBS, and for which a share is confirmed: as on a quiet site, so that an
  /// hour does not consist of polls.
  nonisolated static let lookInterval = 20.0
  nonisolated static let ownership = 60.0
  /// From so many jobs on that vanish at once, PBS's word is doubted.
  nonisolated static let vanishLeast = 3
  /// Seconds without faults and new pods at the end: what has to come about does so in them.
  static let peace = 4 * 3600.0

  static var timing: PublisherTiming {
    var timing = PublisherTiming()
    timing.ping = ownership / 4
    timing.ownership = ownership
    timing.silence = ownership * 1.5
    return timing
  }

  let plan: Plan
  let folder: String
  let isLoud: Bool
  let time: ManualClock
  let history: History
  let trouble: Trouble
  private(set) lazy var api = SimulatedAPI(self)
  private(set) lazy var pbs = SimulatedPBS(self)
  private(set) lazy var judge = Judge(self)
  private(set) lazy var watcher = SimulatedProcess(.watcher, "watcher", self)
  private(set) lazy var brokers = ["broker-1", "broker-2"].map {
    SimulatedProcess(.broker, $0, self)
  }
  private(set) lazy var binders = ["binder-1", "binder-2"].map {
    SimulatedProcess(.binder, $0, self)
  }
  /// When a host came back last.
  var hostBackAt = -Double.infinity
  /// How often time has moved.
  private(set) var steps = 0
  private var numbers: Jitter
  private var timers: [Int: any Timer] = [:]
  private var lastTimer = 0

  init(_ plan: Plan, seed: UInt64, folder: String, isLoud: Bool = false) {
    self.plan = plan
    self.folder = folder
    self.isLoud = isLoud
    time = ManualClock(now: Self.beginning, seed: seed)
    history = History(time, isLoud: isLoud)
    trouble = Trouble(time)
    numbers = Jitter(seed: ~seed)
  }

  /// Runs to the end, or to the first thing that must not be.
  /// - Returns: what that is; nil when all is well.
  func go() -> String? {
    watcher.start()
    brokers[0].start()
    binders[0].start()
    for arrival in plan.arrivals {
      later(arrival.at) { [unowned self] in api.create(arrival) }
    }
    for fault in plan.faults { later(fault.at) { [unowned self] in begin(fault) } }
    look()
    let end = Self.beginning + plan.seconds + Self.peace
    while judge.violation == nil {
      steps += 1
      EventLoop.shared.runPending()
      precondition(EventLoop.shared.strays == 0, "something ran on another thread")
      guard judge.violation == nil, time.advanceToNext(until: end) else { break }
    }
    for process in [watcher] + brokers + binders { process.kill() }
    EventLoop.shared.runPending()
    return judge.violation
  }

  private func look() {
    judge.lookIfCalm()
    later(200) { [unowned self] in look() }
  }

  // MARK: Time and chance

  /// Does something so many seconds later.
  func later(_ seconds: Double, _ action: @escaping @EventLoop () -> Void) {
    lastTimer += 1
    let number = lastTimer
    let timer = time.timer { [unowned self] in
      timers[number] = nil
      action()
    }
    timers[number] = timer
    timer.schedule(after: seconds)
  }

  /// Seconds that a message takes.
  func latency() -> Double { .random(in: 0.001...0.05, using: &numbers) }

  func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &numbers) < probability
  }

  func choose<Item>(_ items: [Item]) -> Item {
    items[Int.random(in: 0..<items.count, using: &numbers)]
  }
}
