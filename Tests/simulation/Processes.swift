import FoundationEssentials
import Kubernetes
import Logging
import Messages

@testable import HTTP
@testable import KubernetesClient
@testable import Runtime
@testable import Startup
@testable import Wire
@testable import binder
@testable import kube_watcher
@testable import pbs_broker

/// One of the connector's processes, as a supervisor sees it: it is started again after each end.
@EventLoop
final class SimulatedProcess {
  enum Role: String { case watcher, broker, binder }

  let name: String
  /// Of the two of its role.
  private let number: Int
  private let role: Role
  private let run: Run
  private var clock: ProcessClock?
  private var link: APILink?
  private var publisher: Publisher?
  private var subscriptions: [Subscription] = []
  private var broker: Broker?
  private var doubtsSince: Double?
  /// Begins to listen to a broker.
  private(set) var follow: (@EventLoop (String) -> Void)?
  /// What a process that has ended was made of: nobody in it is told of its end.
  private var remains: [Any] = []

  init(_ role: Role, _ number: Int, _ run: Run) {
    self.role = role
    self.number = number
    name = "\(role.rawValue)-\(number)"
    self.run = run
  }

  var isUp: Bool { clock != nil }
  private var socket: String { "\(run.folder)/\(name).sock" }

  func start() {
    guard clock == nil else { return }
    run.history.note("\(name) starts")
    let clock = ProcessClock(run.time, run.dateShift)
    self.clock = clock
    do {
      switch role {
      case .watcher: try startWatcher(clock)
      case .broker: try startBroker(clock)
      case .binder: startBinder(clock)
      }
    } catch {
      preconditionFailure("\(name): \(error)")
    }
  }

  /// As by kill -9, and for good unless it is started again.
  func kill() {
    guard let clock else { return }
    run.history.note("\(name) is killed")
    clock.kill()
    self.clock = nil
    publisher?.abandon()
    for subscription in subscriptions { subscription.abandon() }
    link?.cut()
    if role == .broker { run.knowledge.ends(name) }
    remains.append((clock, link as Any, publisher as Any, subscriptions))
    (publisher, link, subscriptions, follow, broker) = (nil, nil, [], nil, nil)
  }

  func stop(for seconds: Double) {
    guard let clock, clock.state == .runs else { return }
    run.history.note("\(name) is stopped")
    clock.stop()
    setReading(false)
    run.later(seconds) { [weak self] in
      guard self?.clock === clock, clock.state == .stopped else { return }
      self?.run.history.note("\(self?.name ?? "") is woken")
      self?.setReading(true)
      clock.wake()
    }
  }

  /// What its peers tell it comes late.
  func beDeaf(for seconds: Double) {
    guard let clock, !subscriptions.isEmpty else { return }
    run.history.note("\(name) is deaf")
    let deaf = subscriptions
    for subscription in deaf { subscription.setReading(false) }
    run.later(seconds) { [weak self] in
      guard self?.clock === clock, clock.state == .runs else { return }
      for subscription in deaf { subscription.setReading(true) }
    }
  }

  /// A hook of PBS says that something happened to a job.
  func hint(_ job: JobID) {
    guard let broker, let clock else { return }
    clock.whenRunning { broker.hint(job) }
  }

  /// Whether the broker waits for an administrator's word that pods are gone.
  var doubtsAbsence: Bool { broker?.absence.doubted.isEmpty == false }

  /// An administrator looks after the broker: what it has doubted for so many seconds is so.
  func confirmAbsence(after seconds: Double) {
    guard let broker, clock?.state == .runs, !broker.absence.doubted.isEmpty else {
      doubtsSince = nil
      return
    }
    let since = doubtsSince ?? run.time.now
    doubtsSince = since
    guard run.time.now - since > seconds else { return }
    run.history.note("administrator: confirms to \(name) that pods are gone")
    doubtsSince = nil
    broker.confirmAbsence()
  }

  private func setReading(_ reads: Bool) {
    publisher?.setReading(reads)
    for subscription in subscriptions { subscription.setReading(reads) }
  }

  /// Listens to the first broker only.
  func unfollow() {
    while subscriptions.count > 1 { subscriptions.removeLast().abandon() }
  }

  func endWatches(broken: Bool) { link?.endWatches(broken: broken) }
  func silenceWatches() { link?.silenceWatches() }

  // MARK: What each is made of

  private var log: Logger {
    var log = Logger(label: name) { [run, name] _ in Lines(run: run, name: name) }
    log.logLevel = run.isLoud ? .debug : .critical
    return log
  }

  private func serve(
    _ role: Wire.Role, for consumers: Wire.Role, _ clock: ProcessClock
  ) throws -> Publisher {
    let publisher = try Publisher(
      path: socket, role: role, instance: name, consumers: consumers, allowedPeers: [],
      timing: run.timing, clock: clock, log: log)
    self.publisher = publisher
    return publisher
  }

  private func client(_ clock: ProcessClock) -> KubernetesClient {
    let link = APILink(run, clock, name: name)
    self.link = link
    return KubernetesClient(
      KubernetesConnection(server: "http://simulated"), program: name, http: link, clock: clock,
      log: log)
  }

  private func startWatcher(_ clock: ProcessClock) throws {
    let publisher = try serve(.kubeWatcher, for: .pbsBroker, clock)
    let watcher = Watcher(
      client: client(clock), publisher: publisher,
      options: Watcher.Options(
        schedulerNames: [WellKnown.schedulerName], cluster: nil,
        timing: WatchTiming(
          silence: 150 * run.scale, checkInterval: 45 * run.scale,
          listInterval: 600 * run.scale)),
      clock: clock, log: log)
    remains = [watcher]
    guard run.plan.site == .twoHosts, let link else {
      Task { @EventLoop in await watcher.run() }
      return
    }
    let store = KubernetesLeaseStore(
      client: KubernetesClient(
        KubernetesConnection(server: "http://simulated"), program: name, http: link, clock: clock,
        log: log), namespace: "pbs-connector", name: "pbs-connector-kube-watcher")
    let lease = Lease(store: store, name: "lease", identity: name, clock: clock, log: log)
    lease.onHeld = { [publisher, watcher] in
      publisher.validUntil = $0
      watcher.leads = true
    }
    lease.onLost = { [publisher, watcher] in
      publisher.setSynced(false)
      watcher.leads = false
    }
    Task { @EventLoop in await lease.lead { await watcher.run() } }
  }

  private func startBroker(_ clock: ProcessClock) throws {
    let publisher = try serve(.pbsBroker, for: .binder, clock)
    var settings = try BrokerSettings(Settings(path: run.configuration, program: "pbs-broker"))
    settings.lookInterval *= run.scale
    settings.lookIntervalWithHints *= run.scale
    settings.orphanGrace *= run.scale
    settings.vanishLeast = Run.vanishLeast
    settings.vanishInterval = Run.vanishInterval
    settings.reliance = run.plan.hasUsers ? .required : .owner
    let host = run.plan.site == .twoHosts ? number : 1
    let subscription = Subscription(
      path: "\(run.folder)/watcher-\(host).sock", role: .pbsBroker, instance: name, clock: clock,
      log: log)
    subscriptions = [subscription]
    let broker = Broker(
      settings: settings, instance: name, backend: PBSLink(run, clock, name: name),
      subscription: subscription, publisher: publisher, clock: clock, log: log)
    remains = [broker]
    self.broker = broker
    run.knowledge.begins(name)
    subscription.start()
    Task { @EventLoop in await broker.run() }
  }

  private func startBinder(_ clock: ProcessClock) {
    let access = APIAccess(client: client(clock), clock: clock, log: log)
    let pods = PodActions(access: access, limits: .init(), clock: clock, log: log)
    let events = EventRecorder(
      access: access, instance: name, limits: .init(), clock: clock, log: log)
    let binder = Binder(
      instance: name, access: access, pods: pods, events: events, requestsInFlight: 16,
      clock: clock, log: log)
    remains = [binder, access, pods, events]
    Task { @EventLoop in
      do { try await pods.greet() } catch { return run.history.note("\(name): \(error)") }
      follow = { [unowned self] broker in
        let subscription = Subscription(
          path: "\(run.folder)/\(broker).sock", role: .binder, instance: name, clock: clock,
          log: log)
        subscriptions.append(subscription)
        binder.subscribe(subscription)
      }
      let brokers =
        switch run.plan.site {
        case .single: run.brokers.filter { $0.isUp || run.isMeantToRun($0) }
        case .shared: run.brokers
        case .twoHosts: [run.brokers[number - 1]]
        }
      for broker in brokers { follow?(broker.name) }
    }
  }

  /// What the process logs, as a part of the history of a run that is printed whole.
  private struct Lines: LogHandler {
    let run: Run
    let name: String
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.critical

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      EventLoop.assumeIsolated { print("          \(name) [\(event.level)] \(event.message)") }
    }
  }
}
