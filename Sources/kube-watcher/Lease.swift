import FoundationEssentials
import Logging
import Shared

/// Leadership among several kube-watchers by a Kubernetes Lease, with the timings of
/// client-go's leaderelection (lease 15 s, renewal within 10 s, a try every 2 s).
@EventLoop
final class Lease {
  private static let duration = 15.0
  private static let renewDeadline = 10.0
  private static let retryPeriod = 2.0

  private let client: KubernetesClient
  private let namespace: String
  private let name: String
  private let identity: String
  private let log: Logger
  /// The record last seen and when, on our own clock: hosts' clocks are not compared.
  private var observed: LeaseObject?
  private var observedAt = 0.0
  /// The last failure that was logged.
  private var complaint: String?

  init(client: KubernetesClient, namespace: String, name: String, identity: String, log: Logger) {
    self.client = client
    self.namespace = namespace
    self.name = name
    self.identity = identity
    self.log = log
  }

  /// Runs `work` whenever, and only while, the lease is held.
  func lead(_ work: @escaping @EventLoop () async -> Void) async {
    while !Task.isCancelled {
      await acquire()
      log.notice("leads, by lease \(namespace)/\(name)")
      let worker = Task { @EventLoop in await work() }
      await hold()
      log.warning("no longer leads: lease \(namespace)/\(name) could not be renewed")
      worker.cancel()
      await worker.value
    }
  }

  private func acquire() async {
    var holder: String?
    while !Task.isCancelled {
      if await tryOnce() { return }
      if let now = observed?.spec.holderIdentity, now != holder {
        holder = now
        log.notice("stands by while \(now) leads")
      }
      try? await EventLoop.sleep(seconds: Self.retryPeriod * Double.random(in: 1...1.2))
    }
  }

  private func hold() async {
    var renewed = Monotonic.now
    while Monotonic.now - renewed < Self.renewDeadline {
      try? await EventLoop.sleep(seconds: Self.retryPeriod)
      if await tryOnce() {
        renewed = Monotonic.now
      } else if let holder = observed?.spec.holderIdentity, holder != identity {
        return
      }
    }
  }

  /// Takes or renews the lease.
  /// - Returns: whether it is ours now.
  private func tryOnce() async -> Bool {
    let collection = "/apis/coordination.k8s.io/v1/namespaces/\(namespace)/leases"
    do {
      let current: LeaseObject
      do {
        current = try await client.send(
          "GET", "\(collection)/\(name)", timeout: 5, as: LeaseObject.self)
      } catch let error as KubernetesError where error.status == 404 {
        let created = LeaseObject(
          name: name, namespace: namespace, spec: record(transitions: 0, acquired: nil))
        observe(
          try await client.send("POST", collection, body: created, timeout: 5, as: LeaseObject.self)
        )
        return true
      }
      if observed != current { observe(current) }
      let isOurs = current.spec.holderIdentity == identity
      let isFree = current.spec.holderIdentity?.isEmpty ?? true
      let expired = Monotonic.now - observedAt > Self.duration
      guard isOurs || isFree || expired else { return false }
      var next = current
      next.spec = record(
        transitions: (current.spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
        acquired: isOurs ? current.spec.acquireTime : nil)
      // The resourceVersion makes this fail when another took it meanwhile.
      observe(
        try await client.send(
          "PUT", "\(collection)/\(name)", body: next, timeout: 5, as: LeaseObject.self))
      return true
    } catch {
      // At the very first contact, and nothing will renew it: that can never work.
      if let error = error as? KubernetesError, error.status == 401, !client.credentialCanChange,
        observed == nil
      {
        Process.fail(
          "kube-watcher", StartupError("\(client.server) refuses the credential: \(error)"))
      }
      // Once for each different failure: this comes every two seconds.
      if "\(error)" != complaint { log.warning("lease \(namespace)/\(name): \(error)") }
      complaint = "\(error)"
      return false
    }
  }

  private func observe(_ lease: LeaseObject) {
    observed = lease
    complaint = nil
    observedAt = Monotonic.now
  }

  private func record(transitions: Int, acquired: String?) -> LeaseObject.Spec {
    let now = Timestamp.nowMicro()
    return LeaseObject.Spec(
      holderIdentity: identity, leaseDurationSeconds: Int(Self.duration),
      acquireTime: acquired ?? now, renewTime: now, leaseTransitions: transitions)
  }
}

/// coordination.k8s.io/v1 Lease.
struct LeaseObject: Codable, Sendable, Equatable {
  struct Metadata: Codable, Sendable, Equatable {
    var name: String
    var namespace: String
    var resourceVersion: String?
  }
  struct Spec: Codable, Sendable, Equatable {
    var holderIdentity: String?
    var leaseDurationSeconds: Int?
    var acquireTime: String?
    var renewTime: String?
    var leaseTransitions: Int?
  }
  var apiVersion = "coordination.k8s.io/v1"
  var kind = "Lease"
  var metadata: Metadata
  var spec: Spec

  init(name: String, namespace: String, spec: Spec) {
    metadata = Metadata(name: name, namespace: namespace)
    self.spec = spec
  }
}
