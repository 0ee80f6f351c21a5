import FoundationEssentials

@testable import KubernetesClient
@testable import Runtime
@testable import kube_watcher

/// A clock that moves only when something waits. A stop is what SIGSTOP does: time passes, and
/// nothing else happens.
@EventLoop
final class PretendedClock: Clock {
  /// Written on the loop only.
  private nonisolated(unsafe) var moment = 0.0
  var stops: [(after: Double, seconds: Double)] = []
  /// Called after each wait.
  var onWait: (@EventLoop () -> Void)?

  nonisolated init() {}

  nonisolated var now: Double { moment }
  nonisolated var date: Date { Date(timeIntervalSince1970: 1_800_000_000 + now) }

  func pass(_ seconds: Double) {
    moment += seconds
    if let stop = stops.first, moment > stop.after {
      stops.removeFirst()
      moment += stop.seconds
    }
  }

  func timer(_ handler: @escaping @EventLoop () -> Void) -> any Timer { Wait(self, handler) }
  func random(in range: ClosedRange<Double>) -> Double { range.upperBound }
  func jitter() -> Jitter { Jitter(seed: 1) }

  /// Whoever waits makes the time pass.
  private final class Wait: Timer {
    private let clock: PretendedClock
    private let handler: @EventLoop () -> Void

    init(_ clock: PretendedClock, _ handler: @escaping @EventLoop () -> Void) {
      self.clock = clock
      self.handler = handler
    }

    func schedule(after seconds: Double) {
      clock.pass(seconds)
      clock.onWait?()
      Task { @EventLoop in handler() }
    }

    func suspend() {}
  }
}

/// A Lease on a server that answers when and as a test wants it to.
@EventLoop
final class PretendedLease: LeaseStore {
  enum Behaviour {
    case answers(Double)
    case conflicts(Double)
    case fails(Double)
    case hangs
    /// Answers at once, but the answer is read only when the process has been stopped so long.
    case answersAfterAStop(Double)
  }
  struct Request {
    var verb: String
    var moment: Double
    var timeout: Double
  }
  struct Failure: Error {}

  let clock = PretendedClock()
  var lease: LeaseObject?
  /// What the next requests meet, and what the ones after them do.
  var latencies: [Behaviour] = []
  var otherwise = Behaviour.hangs
  var onRequest: (() -> Void)?
  private(set) var requests: [Request] = []
  /// When the writes began that succeeded.
  private(set) var successes: [Double] = []
  private var version = 0

  nonisolated init() {}

  func give(to holder: String) {
    var next = lease ?? LeaseObject(name: "lease", namespace: "ns", spec: LeaseObject.Spec())
    next.spec.holderIdentity = holder
    next.spec.leaseDurationSeconds = 15
    store(next)
  }

  func read(timeout: Double) async throws -> LeaseObject? {
    try meet("GET", timeout)
    return lease
  }

  func create(_ spec: LeaseObject.Spec, timeout: Double) async throws -> LeaseObject {
    let began = clock.now
    try meet("POST", timeout)
    successes.append(began)
    return store(LeaseObject(name: "lease", namespace: "ns", spec: spec))
  }

  func update(_ lease: LeaseObject, timeout: Double) async throws -> LeaseObject {
    let began = clock.now
    try meet("PUT", timeout)
    guard let current = self.lease else { throw KubernetesError(answered: 404) }
    guard current.metadata.resourceVersion == lease.metadata.resourceVersion else {
      throw KubernetesError(answered: 409)
    }
    successes.append(began)
    return store(lease)
  }

  @discardableResult private func store(_ lease: LeaseObject) -> LeaseObject {
    version += 1
    var lease = lease
    lease.metadata.resourceVersion = "\(version)"
    self.lease = lease
    return lease
  }

  private func meet(_ verb: String, _ timeout: Double) throws {
    requests.append(Request(verb: verb, moment: clock.now, timeout: timeout))
    onRequest?()
    let behaviour = latencies.isEmpty ? otherwise : latencies.removeFirst()
    switch behaviour {
    case .hangs: try wait(.infinity, timeout)
    case .answers(let seconds): try wait(seconds, timeout)
    case .answersAfterAStop(let seconds): clock.pass(seconds)
    case .conflicts(let seconds):
      try wait(seconds, timeout)
      throw KubernetesError(answered: 409)
    case .fails(let seconds):
      try wait(seconds, timeout)
      throw KubernetesError(status: 500, body: Data())
    }
  }

  private func wait(_ seconds: Double, _ timeout: Double) throws {
    clock.pass(min(seconds, timeout))
    if seconds > timeout { throw Failure() }
  }
}
