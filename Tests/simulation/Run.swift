import FoundationEssentials
import ManualTime
import Messages

@testable import Runtime
@testable import Wire

/// One run: a site, its connector, its users, and all that fails, from a seed and a plan.
@EventLoop
final class Run {
  /// When runs begin, on their clock; seconds.
  nonisolated static let beginning = 1000.0
  /// From so many jobs on that vanish at once, PBS's word is doubted.
  nonisolated static let vanishLeast = 3
  /// Seconds between the polls that have to agree then.
  nonisolated static let vanishInterval = 30.0
  /// How much slower than by default this site looks, pings and waits, so that an hour does not
  /// consist of polls. A Lease cannot be slower.
  let scale: Double
  let timing: PublisherTiming
  /// Seconds between polls of PBS, without hints and with them.
  var lookInterval: Double { 2 * scale }
  var longestLookInterval: Double { (plan.hasHints ? 5 : 2) * scale }

  let plan: Plan
  let folder: String
  let isLoud: Bool
  let time: ManualClock
  let history: History
  let trouble: Trouble
  let dateShift = DateShift()
  /// The brokers' configuration file; nil for none.
  let configuration: String?
  private(set) lazy var knowledge = Knowledge(self)
  private(set) lazy var api = SimulatedAPI(self)
  private(set) lazy var pbs = SimulatedPBS(self)
  private(set) lazy var judge = Judge(self)
  private(set) lazy var watchers = [1, 2].map { SimulatedProcess(.watcher, $0, self) }
  private(set) lazy var brokers = [1, 2].map { SimulatedProcess(.broker, $0, self) }
  private(set) lazy var binders = [1, 2].map { SimulatedProcess(.binder, $0, self) }
  var processes: [SimulatedProcess] { watchers + brokers + binders }
  /// Backups of etcd, the oldest first.
  private(set) var snapshots: [SimulatedAPI.State] = []
  /// Faults that the trap waits for; nil without one.
  var trap: [Plan.Kind]?
  /// When a host came back last.
  var hostBackAt = -Double.infinity
  /// How often time has moved.
  private(set) var steps = 0
  private var numbers: Jitter
  private var timers: [Int: any Timer] = [:]
  private var lastTimer = 0

  init(
    _ plan: Plan, seed: UInt64, folder: String, isLoud: Bool = false, trap: [Plan.Kind]? = nil
  ) {
    self.trap = trap
    self.plan = plan
    self.folder = folder
    self.isLoud = isLoud
    time = ManualClock(now: Self.beginning, seed: seed)
    history = History(time, isLoud: isLoud)
    trouble = Trouble(time)
    numbers = Jitter(seed: ~seed)
    scale = plan.site == .twoHosts ? 2 : 10
    var timing = PublisherTiming()
    timing.ping *= scale
    timing.ownership *= scale
    timing.silence *= scale
    self.timing = timing
    configuration = plan.hasUsers ? "\(folder)/config.yaml" : nil
    if let configuration { Self.write(Self.users, to: configuration) }
  }

  /// Runs to the end, or to the first thing that must not be.
  /// - Returns: what that is; nil when all is well.
  func go() -> String? {
    if plan.site == .twoHosts { watchers[1].start() }
    watchers[0].start()
    for processes in [brokers, binders] {
      processes[0].start()
      if plan.site != .single { processes[1].start() }
    }
    for arrival in plan.arrivals {
      later(arrival.at) { [unowned self] in api.create(arrival) }
    }
    for fault in plan.faults { later(fault.at) { [unowned self] in begin(fault) } }
    look()
    let end = Self.beginning + plan.seconds + plan.peace
    while judge.violation == nil {
      steps += 1
      EventLoop.shared.runPending()
      precondition(EventLoop.shared.strays == 0, "something ran on another thread")
      guard judge.violation == nil, time.advanceToNext(until: end) else { break }
    }
    for process in processes { process.kill() }
    EventLoop.shared.runPending()
    return judge.violation
  }

  private func look() {
    if brokers.contains(where: \.doubtsAbsence) { trouble.goesOn() }
    judge.lookIfCalm()
    snapshots.append(api.state)
    if snapshots.count > 20 { snapshots.removeFirst() }
    for broker in brokers { broker.confirmAbsence(after: 600) }
    later(200) { [unowned self] in look() }
  }

  /// PBS's hooks tell of a job.
  func hint(_ id: String) {
    guard plan.hasHints, !trouble.isOn(.hintsMissing), let job = JobID(id) else { return }
    later(latency()) { [unowned self] in for broker in brokers { broker.hint(job) } }
  }

  /// Pods of one namespace are jobs of a user of their own, whom every host has.
  private static let users = """
    pbs-broker:
      least-uid: 1
      namespaces:
        default: {}
        batch: {user: nobody}

    """

  private static func write(_ text: String, to path: String) {
    do {
      try Data(text.utf8).write(to: URL(filePath: path))
    } catch {
      preconditionFailure("\(path): \(error)")
    }
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
