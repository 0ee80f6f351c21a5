import ConnectorMetrics
import Glibc
import Logging
import Runtime

import enum CoreMetrics.MetricsSystem

/// What a process shows of itself to those who watch over it: to the service manager, and over HTTP
/// where that is configured.
@EventLoop
public final class Monitor {
  /// Where and how much is shown.
  public struct Options: Sendable {
    /// nil: nothing is served.
    public var address: MonitoringAddress?
    /// Namespaces that metrics tell apart.
    public var namespaces = 50

    public init() {}
  }

  /// Seconds for which the metrics that were put together serve all that ask.
  private static let fresh = 1.0
  /// Seconds between looks at oneself.
  private static let interval = 1.0

  private let program: String
  private let version: String
  private let clock: any Clock
  private let registry: MetricRegistry?
  private let manager: ServiceManager?
  private var server: MonitoringServer?
  private var collectors: [@EventLoop () -> Void] = []
  private var text: (made: Double, text: String)?
  private var timer: (any Timer)?
  private var dueAt = 0.0
  private var fedAt = 0.0
  private var hasStarted = false
  private var isStopping = false

  /// Starts nothing more, and waits for what is under way: called when the process is to end.
  public var finish: (@EventLoop () async -> Void)?
  /// What the process needs in order to work.
  public let readiness = Readiness()

  /// Called once, after swift-metrics has been told where to count: at the process's start.
  /// - Parameter environment: the process's.
  /// - Throws: `SocketError` where the address cannot be listened on.
  public init(
    program: String, version: String, options: Options, environment: [String: String],
    clock: any Clock, log: Logger
  ) throws {
    self.program = program
    self.version = version
    self.clock = clock
    manager = ServiceManager(environment: environment)
    if let address = options.address {
      let registry = MetricRegistry(
        Metric.all(of: program), limits: .init(namespaces: options.namespaces))
      MetricsSystem.bootstrap(registry)
      self.registry = registry
      let server = try MonitoringServer(address, clock: clock) { [unowned self] in answer($0) }
      log.notice("serves /metrics, /healthz and /readyz on \(server.place)")
      self.server = server
    } else {
      registry = nil
    }
    guard manager != nil || registry != nil else { return }
    timer = clock.timer { [unowned self] in look() }
    schedule()
  }

  /// Adds what sets gauges, whenever the metrics are asked for, at most once a second.
  public func collect(_ collector: @escaping @EventLoop (MetricRegistry) -> Void) {
    guard let registry else { return }
    collectors.append { collector(registry) }
  }

  /// All conditions and collectors have been added.
  public func complete() {
    readiness.complete()
    look()
  }

  /// The process ends.
  public func stopping() {
    isStopping = true
    manager?.stopping()
    manager?.tell("ends")
  }

  /// The configuration is read again by `reload`.
  public func reload(_ reload: () -> Void) {
    manager?.reloading()
    reload()
    if hasStarted { manager?.ready() }
  }

  // MARK: Looking

  private func schedule() {
    let interval = min(Self.interval, manager?.watchdogInterval ?? Self.interval)
    dueAt = clock.now + interval
    timer?.schedule(after: interval)
  }

  private func look() {
    let now = clock.now
    if dueAt > 0, now >= dueAt { Metric.loopDelay.observe(now - dueAt) }
    schedule()
    guard let manager else { return }
    if let interval = manager.watchdogInterval, now - fedAt >= interval * 0.9 {
      fedAt = now
      manager.alive()
    }
    guard !isStopping else { return }
    let looked = readiness.look()
    if !hasStarted, looked.allSatisfy({ $0.missing == nil || $0.need == .work }) {
      hasStarted = true
      manager.ready()
    }
    let missing = looked.compactMap { look in look.missing.map { "\(look.name): \($0)" } }
    manager.tell(missing.isEmpty ? "ready" : "waits for \(missing.joined(separator: "; "))")
  }

  // MARK: Answering

  private func answer(_ request: MonitoringRequest) -> MonitoringAnswer {
    switch request {
    case .metrics:
      MonitoringAnswer(status: 200, body: metrics(), mediaType: MetricRegistry.mediaType)
    case .health:
      // That it is answered at all says that the loop turns.
      MonitoringAnswer(status: 200, body: "ok\n")
    case .readiness: ready()
    case .refused(let status): MonitoringAnswer(status: status, body: "")
    }
  }

  private func ready() -> MonitoringAnswer {
    let looked = readiness.look()
    let isReady = looked.allSatisfy { $0.missing == nil } && !isStopping
    var lines = looked.map { look in
      look.missing.map { "[-] \(look.name): \($0)" } ?? "[+] \(look.name)"
    }
    if isStopping { lines.append("[-] ends") }
    lines.append(isReady ? "ready" : "not ready")
    return MonitoringAnswer(
      status: isReady ? 200 : 503, body: lines.joined(separator: "\n") + "\n")
  }

  private func metrics() -> String {
    let now = clock.now
    if let text, now - text.made < Self.fresh { return text.text }
    guard let registry else { return "" }
    for collector in collectors { collector() }
    collectOwn(registry)
    let made = registry.text()
    text = (now, made)
    return made
  }

  private func collectOwn(_ registry: MetricRegistry) {
    let looked = readiness.look()
    let isReady = looked.allSatisfy { $0.missing == nil } && !isStopping
    registry.replace(Metric.buildInfo, [[program, version]: 1])
    Metric.ready.set(isReady)
    registry.replace(
      Metric.conditionMet,
      Dictionary(
        looked.map { ([$0.name], $0.missing == nil ? 1 : 0) }, uniquingKeysWith: { min($0, $1) }))
    let usage = ProcessUsage.now()
    registry.replace(Metric.processCPU, [[]: usage.cpu])
    Metric.processResident.set(usage.resident)
    Metric.processVirtual.set(usage.virtual)
    Metric.processStart.set(usage.started)
    Metric.processDescriptors.set(Double(usage.descriptors))
    Metric.processMostDescriptors.set(usage.mostDescriptors)
  }
}
