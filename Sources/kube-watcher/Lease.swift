import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Runtime

/// Leadership among several kube-watchers by a Kubernetes Lease, with the timings of client-go's
/// leaderelection: a lease lasts 15 s, is renewed every 2 s, and is given up when it could not be
/// renewed within 10 s.
///
/// Those 10 s count from the moment at which the last renewal that succeeded *began*. Whoever
/// stands by waits for 15 s from when it has seen that renewal, which is later, so that there are
/// at least 5 s in which nobody leads. The deadline bounds the requests themselves.
@EventLoop
final class Lease {
  static let duration = 15.0
  static let renewDeadline = 10.0
  static let retryPeriod = 2.0
  /// Seconds for one request, where the deadline leaves as many.
  static let requestTimeout = 5.0

  private let store: any LeaseStore
  private let name: String
  private let identity: String
  private let clock: any Clock
  private let log: Logger
  /// The record last seen and when, on our own clock: hosts' clocks are not compared.
  private var observed: LeaseObject?
  private var observedAt = 0.0
  /// The last failure that was logged.
  private var complaint: String?

  /// Gets the moment until which the lease is ours, after each renewal.
  var onHeld: (@EventLoop (_ until: Double) -> Void)?
  /// The lease is no longer ours: what depends on it stops now.
  var onLost: (@EventLoop () -> Void)?
  /// Gets, after each try to take it, whether another process holds it as far as is known.
  var onTried: (@EventLoop (_ isOthers: Bool) -> Void)?
  /// Gets each failure of a request before any was answered.
  var onFailureAtFirst: (@EventLoop (any Error) -> Void)?

  /// - Parameters:
  ///   - name: the lease's, for logs.
  ///   - identity: ours among its holders.
  init(
    store: any LeaseStore, name: String, identity: String, clock: any Clock,
    log: Logger
  ) {
    self.store = store
    self.name = name
    self.identity = identity
    self.clock = clock
    self.log = log
  }

  /// Runs `work` whenever, and only while, the lease is held; until the task is cancelled.
  func lead(_ work: @escaping @EventLoop () async -> Void) async {
    while !Task.isCancelled {
      guard let began = await acquire() else { return }
      log.notice("leads, by lease \(name)")
      onHeld?(began + Self.renewDeadline)
      let worker = Task { @EventLoop in await work() }
      let why = await hold(since: began)
      onLost?()
      log.warning("no longer leads: lease \(name) \(why)")
      worker.cancel()
      await worker.value
    }
  }

  /// - Returns: when the request began that took the lease; nil when the task is cancelled.
  private func acquire() async -> Double? {
    var holder: String?
    while !Task.isCancelled {
      if let began = await attempt(before: .infinity), clock.now < began + Self.renewDeadline {
        return began
      }
      onTried?(isOthers)
      if let now = observed?.spec.holderIdentity, now != holder, now != identity {
        holder = now
        log.notice("stands by while \(LeaseIdentity.name(now)) leads")
      }
      // A cancelled task ends the loop.
      try? await clock.sleep(seconds: Self.retryPeriod * clock.random(in: 1...1.2))
    }
    return nil
  }

  /// Whether another process holds it, and has renewed it lately.
  private var isOthers: Bool {
    guard let observed, let holder = observed.spec.holderIdentity, !holder.isEmpty else {
      return false
    }
    return holder != identity && clock.now - observedAt <= lifetime(of: observed)
  }

  /// Renews the lease for as long as that works.
  /// - Returns: why it is lost, for the log.
  private func hold(since began: Double) async -> String {
    var deadline = began + Self.renewDeadline
    while !Task.isCancelled {
      // A cancelled task ends the loop.
      try? await clock.sleep(seconds: max(min(Self.retryPeriod, deadline - clock.now), 0))
      // This process may have been stopped: then nothing counts that comes now.
      guard clock.now < deadline else { break }
      if let began = await attempt(before: deadline), clock.now < deadline {
        deadline = began + Self.renewDeadline
        onHeld?(deadline)
      } else if let holder = observed?.spec.holderIdentity, holder != identity {
        return "is held by \(holder)"
      }
    }
    return "could not be renewed"
  }

  /// Takes or renews the lease.
  /// - Parameter deadline: when all requests must have ended.
  /// - Returns: when the request began that made it ours; nil when it is not.
  private func attempt(before deadline: Double) async -> Double? {
    do {
      if let observed, observed.spec.holderIdentity == identity {
        do {
          // Nobody else writes it in peace, so it need not be read first (as in client-go).
          return try await replace(observed, before: deadline)
        } catch let error as KubernetesError where [404, 409].contains(error.status) {
          log.debug("lease \(name) has changed meanwhile: \(error)")
        }
      }
      guard let current = try await store.read(timeout: timeout(before: deadline)) else {
        let began = clock.now
        let spec = record(transitions: 0, acquired: nil)
        observe(try await store.create(spec, timeout: timeout(before: deadline)))
        return began
      }
      if observed != current { observe(current) }
      let holder = current.spec.holderIdentity ?? ""
      let hasExpired = clock.now - observedAt > lifetime(of: current)
      guard holder == identity || holder.isEmpty || hasExpired else { return nil }
      return try await replace(current, before: deadline)
    } catch {
      if observed == nil { onFailureAtFirst?(error) }
      // Once for each different failure: this comes every two seconds.
      if "\(error)" != complaint { log.warning("lease \(name): \(error)") }
      complaint = "\(error)"
      return nil
    }
  }

  /// Writes ourselves into a record. Its resourceVersion makes this fail when another was faster.
  private func replace(_ current: LeaseObject, before deadline: Double) async throws -> Double {
    let isOurs = current.spec.holderIdentity == identity
    var next = current
    next.spec = record(
      transitions: (current.spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
      acquired: isOurs ? current.spec.acquireTime : nil)
    let began = clock.now
    observe(try await store.update(next, timeout: timeout(before: deadline)))
    return began
  }

  private func timeout(before deadline: Double) throws -> Double {
    let left = deadline - clock.now
    guard left > 0 else { throw TooLate() }
    return min(left, Self.requestTimeout)
  }

  /// The holder says how long its record counts; one that says nothing, or ages, is not believed.
  private func lifetime(of lease: LeaseObject) -> Double {
    let seconds = lease.spec.leaseDurationSeconds.map(Double.init) ?? Self.duration
    return min(max(seconds, Self.duration), 4 * Self.duration)
  }

  private func observe(_ lease: LeaseObject) {
    observed = lease
    complaint = nil
    observedAt = clock.now
  }

  private func record(transitions: Int, acquired: String?) -> LeaseObject.Spec {
    let now = Timestamp.micro(clock.date)
    return LeaseObject.Spec(
      holderIdentity: identity, leaseDurationSeconds: Int(Self.duration),
      acquireTime: acquired ?? now, renewTime: now, leaseTransitions: transitions)
  }

  private struct TooLate: Error, CustomStringConvertible {
    var description: String { "no time is left to renew it" }
  }
}
