import ConnectorMetrics
import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Monitoring
import Runtime
import Text

/// Writes Kubernetes Events, as many as ``EventBudget`` allows: the same words about the same pod
/// become a higher count of one Event. Namespaces take turns, at a pace that spares the server. Events
/// never hold up anything else, and a server that does not want them loses them.
@EventLoop
final class EventRecorder {
  /// Events that wait to be written; more are left out, which is logged.
  private static let queueLimit = 20_000
  /// Those of them that may be one namespace's.
  private static let namespaceLimit = 5000
  /// Requests at once.
  private static let inFlight = 4
  /// Seconds for which Events wait for bindings; then there is one request at once beside them.
  private static let patience = 2.0
  /// How often one Event is tried. (As client-go's recorder.)
  private nonisolated static let tries = 12

  private struct Item {
    /// The pod; or the node, in the namespace where Events about nodes stand.
    var pod: PodReference
    var kind = "Pod"
    var reason: String
    var message: String
    var warning: Bool
    /// The Event's name, and how often its words have been said.
    var name: String
    var count: Int
    var triesLeft = tries
  }

  private struct Event: Encodable, Sendable {
    struct Reference: Encodable, Sendable {
      var apiVersion = "v1"
      var kind: String
      var namespace: String?
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
    var count: Int
  }

  private struct CountPatch: Encodable, Sendable {
    var count: Int
    var message: String
    var lastTimestamp: String
  }

  private let access: APIAccess
  private let instance: String
  private let clock: any Clock
  private let log: Logger
  private lazy var queue = WorkQueue<Item>(
    limit: { [unowned self] in limit }, work: { [unowned self] in await write($0) })
  private var budget: EventBudget
  /// Writing: so many at once, and a second. (kube-scheduler's --kube-api-qps and -burst.)
  private var pace = TokenBucket(burst: 100, interval: 1 / 50)
  /// Events that were not written since it was last said.
  private var leftOut = 0
  /// After failures that are about Events only: no request before this moment.
  private var restUntil = 0.0
  private var backoff: Backoff
  private var restTimer: (any Timer)?
  private var paceTimer: (any Timer)?
  /// Lines about single Events.
  private var lines = TokenBucket(burst: 10, interval: 30)
  /// Since when there are bindings to be made first, monotonic; nil while there are none.
  private var heldBackSince: Double?

  init(
    access: APIAccess, instance: String, limits: EventBudget.Limits, clock: any Clock,
    log: Logger
  ) {
    self.access = access
    self.instance = instance
    self.clock = clock
    backoff = Backoff(first: 1, longest: 300, jitter: clock.jitter())
    self.log = log
    budget = EventBudget(
      limits: limits, sequence: UInt64(clock.date.timeIntervalSince1970 * 1e9))
    restTimer = clock.timer { [unowned self] in
      restUntil = 0
      queue.start()
    }
    paceTimer = clock.timer { [unowned self] in queue.start() }
  }

  private var limit: Int {
    let now = clock.now
    if access.isResting || now < restUntil { return 0 }
    guard pace.has(now) else {
      if queue.count > 0 { paceTimer?.schedule(after: pace.interval) }
      return 0
    }
    let most = access.mostAtOnce(Self.inFlight)
    guard let heldBackSince else { return most }
    return now - heldBackSince < Self.patience ? 0 : 1
  }

  /// Bindings are under way, or no longer: they come first.
  func yield(toBindings areThere: Bool) {
    heldBackSince = areThere ? heldBackSince ?? clock.now : nil
    queue.start()
  }

  /// Queues one Event about a pod, where the budget has one.
  func record(_ pod: PodReference, reason: String, message: String, warning: Bool) {
    record(pod, kind: "Pod", reason: reason, message: message, warning: warning)
  }

  /// The same about a node. (Kubernetes: Events about what has no namespace stand in "default".)
  func record(_ note: NoteNode) {
    let node = PodReference(uid: note.node.uid, namespace: "default", name: note.node.name)
    record(
      node, kind: "Node", reason: note.reason, message: note.message, warning: note.warning)
  }

  private func record(
    _ pod: PodReference, kind: String, reason: String, message: String, warning: Bool
  ) {
    let message = PlainText.escaped(message, limit: PlainText.eventLimit)
    guard queue.count < Self.queueLimit else {
      return leaveOut("\(Self.queueLimit) Events wait to be written")
    }
    guard queue.count(of: pod.namespace) < Self.namespaceLimit else {
      return leaveOut(
        "\(Self.namespaceLimit) Events of namespace \(pod.namespace) wait to be written")
    }
    var item = Item(
      pod: pod, kind: kind, reason: reason, message: message, warning: warning, name: "", count: 1)
    switch budget.judge(pod, reason: reason, message: message, now: clock.now) {
    case .create(let name): item.name = name
    case .count(let name, let count): (item.name, item.count) = (name, count)
    case .repeated: return
    case .tooManyOfPod:
      return log.debug("pod \(pod.fullName) has too many Events, left out: \(reason): \(message)")
    case .tooMany: return leaveOut("there are too many Events of namespace \(pod.namespace)")
    }
    if leftOut > 0 {
      log.warning("\(leftOut) Events were left out")
      leftOut = 0
    }
    queue.add(item, of: pod.namespace)
  }

  /// Starts to write no more Events, and waits for those under way.
  func drain() async { await queue.drain() }

  /// How many wait to be written.
  var waiting: Int { queue.count }

  private func leaveOut(_ why: String) {
    Metric.events.count(1, "left-out")
    if leftOut == 0 { log.warning("\(why), further ones are left out") }
    leftOut += 1
  }

  private func write(_ item: Item) async {
    _ = pace.take(clock.now)
    do {
      if item.count == 1 {
        try await create(item)
      } else {
        try await count(item)
      }
      backoff.reset()
      Metric.events.count(1, "written")
    } catch {
      Metric.events.count(1, "failed")
      failed(error, item)
    }
  }

  private func path(_ item: Item) -> String {
    KubernetesPath.of("api", "v1", "namespaces", item.pod.namespace, "events")
  }

  private func create(_ item: Item) async throws {
    let now = Timestamp.seconds(clock.date)
    do {
      try await access.send(
        .createEvents, path(item), of: item.pod,
        body: Event(
          metadata: ObjectMeta(name: item.name, namespace: item.pod.namespace),
          involvedObject: .init(
            kind: item.kind, namespace: item.kind == "Node" ? nil : item.pod.namespace,
            name: item.pod.name, uid: item.pod.uid),
          type: item.warning ? "Warning" : "Normal", reason: item.reason, message: item.message,
          reportingInstance: instance, firstTimestamp: now, lastTimestamp: now, count: item.count))
    } catch let error as KubernetesError where error.status == 409 {
      // The name is made for this one Event: the answer to an earlier try was lost, ours or one that
      // libcurl repeated, when a kept connection ended before the first octet of an answer.
    }
  }

  private func count(_ item: Item) async throws {
    do {
      try await access.send(
        .patchEvents, path(item) + KubernetesPath.of(item.name), of: item.pod,
        body: CountPatch(
          count: item.count, message: item.message, lastTimestamp: Timestamp.seconds(clock.date)),
        patch: .merge)
    } catch let error as KubernetesError where error.status == 404 {
      // Events expire after an hour; start over.
      try await create(item)
    }
  }

  private func failed(_ error: any Error, _ item: Item) {
    var item = item
    item.triesLeft -= 1
    guard Self.mayWorkLater(error), item.triesLeft > 0 else {
      budget.forget(item.pod, reason: item.reason, message: item.message)
      // Neither matters: the pod is gone with its namespace, or will be.
      let refusal = error as? KubernetesError
      let isExpected =
        refusal?.status == 404 || refusal?.message.contains("being terminated") == true
      guard isExpected || lines.take(clock.now) else { return }
      return log.log(
        level: isExpected ? .debug : .warning,
        "an Event of \(item.kind.lowercased()) \(item.pod.fullName) could not be written: \(error)",
        metadata: .about(pod: item.pod.fullName, uid: item.pod.uid))
    }
    if clock.now >= restUntil {
      let rest = backoff.delay()
      restUntil = clock.now + rest
      restTimer?.schedule(after: rest)
    }
    queue.add(item, of: item.pod.namespace)
  }

  private static func mayWorkLater(_ error: any Error) -> Bool {
    guard let error = error as? KubernetesError else { return true }
    if error.status == 403 {
      return [.createEvents, .patchEvents].contains {
        MissingRights.isMissing($0, words: error.message)
      }
    }
    return error.isTransient || error.status == 401
  }
}
