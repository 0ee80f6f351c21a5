import FoundationEssentials
import Logging
import Shared

/// Writes Kubernetes Events, aggregated: the same words about the same pod become a higher
/// count of one Event. Events never hold up anything else, and a server that does not
/// want them loses them.
@EventLoop
final class EventRecorder {
  /// Events that wait to be written; more are dropped, which is logged.
  private static let queueLimit = 20_000
  /// Requests at once.
  private static let inFlight = 4
  /// Seconds for which Events wait for bindings; then there is one request at once beside them.
  private static let patience = 2.0
  /// Events that are remembered, to be counted up.
  private static let memory = 4096

  private struct Key: Hashable {
    var uid: String
    var reason: String
    var message: String
  }

  private struct Item {
    var pod: PodReference
    var key: Key
    var warning: Bool
  }

  private struct Known {
    var name: String
    var count: Int
  }

  private struct Event: Encodable, Sendable {
    struct Reference: Encodable, Sendable {
      var apiVersion = "v1"
      var kind = "Pod"
      var namespace: String
      var name: String
      var uid: String
    }
    struct Source: Encodable, Sendable {
      var component = WellKnown.component
    }
    var apiVersion = "v1"
    var kind = "Event"
    var metadata: ObjectMeta
    var involvedObject: Reference
    var type: String
    var reason: String
    var message: String
    var source = Source()
    var reportingComponent = WellKnown.component
    var reportingInstance: String
    var firstTimestamp: String
    var lastTimestamp: String
    var count = 1
  }

  private struct CountPatch: Encodable, Sendable {
    var count: Int
    var lastTimestamp: String
  }

  private let client: KubernetesClient
  private let instance: String
  private let log: Logger
  private lazy var queue = WorkQueue<Item>(
    limit: { [unowned self] in limit },
    work: { [unowned self] in await write($0.pod, $0.key, $0.warning) })
  private var known: [Key: Known] = [:]
  private var order: [Key] = []
  private var sequence = UInt64(Date().timeIntervalSince1970 * 1e9)
  private var dropped = 0

  /// Since when there are bindings to be made first, monotonic; nil while there are none.
  private var heldBackSince: Double?

  init(client: KubernetesClient, instance: String, log: Logger) {
    self.client = client
    self.instance = instance
    self.log = log
    queue.onEmpty = { [unowned self] in
      if dropped > 0 { log.warning("\(dropped) Events were dropped") }
      dropped = 0
    }
  }

  private var limit: Int {
    guard let heldBackSince else { return Self.inFlight }
    return Monotonic.now - heldBackSince < Self.patience ? 0 : 1
  }

  /// Bindings are under way, or no longer: they come first.
  func yield(toBindings areThere: Bool) {
    heldBackSince = areThere ? heldBackSince ?? Monotonic.now : nil
    queue.start()
  }

  /// Queues one Event about a pod.
  func record(_ pod: PodReference, reason: String, message: String, warning: Bool) {
    guard queue.count < Self.queueLimit else {
      if dropped == 0 {
        log.warning("\(Self.queueLimit) Events wait to be written, further ones are dropped")
      }
      dropped += 1
      return
    }
    // The API allows 1024 characters.
    let key = Key(uid: pod.uid, reason: reason, message: String(message.prefix(1000)))
    queue.add(Item(pod: pod, key: key, warning: warning))
  }

  private func write(_ pod: PodReference, _ key: Key, _ warning: Bool) async {
    let collection = "/api/v1/namespaces/\(pod.namespace)/events"
    let now = Timestamp.now()
    do {
      if let known = known[key] {
        let count = known.count + 1
        self.known[key]?.count = count
        do {
          try await client.send(
            "PATCH", "\(collection)/\(known.name)",
            body: CountPatch(count: count, lastTimestamp: now),
            contentType: KubernetesClient.PatchType.merge.rawValue)
          return
        } catch let error as KubernetesError where error.status == 404 {
          // Events expire after an hour; start over.
        }
      }
      sequence += 1
      let name = "\(pod.name.prefix(230)).\(String(sequence, radix: 16))"
      remember(key, Known(name: name, count: 1))
      try await client.send(
        "POST", collection,
        body: Event(
          metadata: ObjectMeta(name: name, namespace: pod.namespace),
          involvedObject: .init(namespace: pod.namespace, name: pod.name, uid: pod.uid),
          type: warning ? "Warning" : "Normal", reason: key.reason, message: key.message,
          reportingInstance: instance, firstTimestamp: now, lastTimestamp: now))
    } catch {
      known[key] = nil
      log.warning("an Event of pod \(pod.fullName) could not be written: \(error)")
    }
  }

  private func remember(_ key: Key, _ event: Known) {
    if known.updateValue(event, forKey: key) == nil { order.append(key) }
    if order.count > Self.memory {
      for key in order.prefix(Self.memory / 2) { known[key] = nil }
      order.removeFirst(Self.memory / 2)
    }
  }
}
