import Kubernetes
import Messages

/// Which Events are worth a write: one for each thing that is said about a pod, and few again.
///
/// Same pod, same reason, same message but for its numbers: one Event, whose count goes up at most
/// once in ``Limits/interval``. Other words for the same reason: a burst, then one in an interval.
/// Every pod has a budget, and every namespace. (client-go, tools/record/events_cache.go.)
struct EventBudget: Sendable {
  struct Limits: Sendable {
    /// Seconds.
    var interval = 300.0
    /// Different words for one reason of one pod, at once.
    var reasonBurst = 5.0
    /// Events of one pod, at once.
    var podBurst = 25.0
    /// Events of one namespace, at once, and a second.
    var burst = 5000.0
    var perSecond = 50.0
    /// Pods that are remembered, messages of one pod, and namespaces.
    var pods = 20_000
    var messages = 50
    var namespaces = 1000
  }

  enum Verdict: Sendable, Equatable {
    /// A new Event of this name.
    case create(name: String)
    /// The Event of this name, with its new count.
    case count(name: String, Int)
    /// It is an Event's repetition, which will be counted with a later one.
    case repeated
    /// It is one too many for its pod.
    case tooManyOfPod
    /// It is one too many for its namespace.
    case tooMany
  }

  private struct Key: Hashable, Sendable {
    var reason: String
    var shape: MessageShape
  }

  private struct Written: Sendable {
    var name: String
    var at: Double
    var count = 1
  }

  private struct Pod: Sendable {
    var bucket: TokenBucket
    var reasons: [String: TokenBucket] = [:]
    var written: [Key: Written] = [:]
  }

  private let limits: Limits
  private var namespaces: [String: TokenBucket] = [:]
  private var pods: [String: Pod] = [:]
  private var order: [String] = []
  private var sequence: UInt64

  /// - Parameter sequence: where the Events' names begin; never the same again for one pod's name.
  init(limits: Limits = Limits(), sequence: UInt64) {
    self.limits = limits
    self.sequence = sequence
  }

  /// What is to be done about one thing said.
  /// - Parameter now: monotonic, in seconds.
  mutating func judge(
    _ pod: PodReference, reason: String, message: String, now: Double
  ) -> Verdict {
    var known = pods[pod.uid] ?? newPod(pod.uid)
    var ofNamespace = namespaces[pod.namespace] ?? newNamespace()
    defer {
      pods[pod.uid] = known
      namespaces[pod.namespace] = ofNamespace
    }
    let key = Key(reason: reason, shape: MessageShape(message))
    if var written = known.written[key] {
      written.count += 1
      let isDue = now - written.at >= limits.interval
      defer { known.written[key] = written }
      guard isDue else { return .repeated }
      guard ofNamespace.take(now) else { return .tooMany }
      written.at = now
      return .count(name: written.name, written.count)
    }
    var ofReason =
      known.reasons[reason] ?? TokenBucket(burst: limits.reasonBurst, interval: limits.interval)
    guard ofReason.has(now), known.bucket.has(now) else { return .tooManyOfPod }
    guard ofNamespace.take(now) else { return .tooMany }
    _ = (ofReason.take(now), known.bucket.take(now))
    known.reasons[reason] = ofReason
    if known.written.count >= limits.messages, let oldest = known.written.min(by: Self.isOlder) {
      known.written[oldest.key] = nil
    }
    sequence += 1
    // A pod's name may have 253 octets, and so may an Event's.
    let name = "\(pod.name.prefix(230)).\(String(sequence, radix: 16))"
    known.written[key] = Written(name: name, at: now)
    return .create(name: name)
  }

  /// The Event could not be written: the next one of these words is a new one.
  mutating func forget(_ pod: PodReference, reason: String, message: String) {
    pods[pod.uid]?.written[Key(reason: reason, shape: MessageShape(message))] = nil
  }

  /// How much is remembered.
  var remembered: (pods: Int, messages: Int) {
    (pods.count, pods.values.reduce(0) { $0 + $1.written.count })
  }

  private static func isOlder(
    _ first: Dictionary<Key, Written>.Element, _ second: Dictionary<Key, Written>.Element
  ) -> Bool {
    first.value.at < second.value.at
  }

  private mutating func newNamespace() -> TokenBucket {
    // Whose budget is forgotten has a full one again, which is no harm: writing is paced.
    if namespaces.count >= limits.namespaces { namespaces.removeAll() }
    return TokenBucket(burst: limits.burst, interval: 1 / limits.perSecond)
  }

  private mutating func newPod(_ uid: String) -> Pod {
    order.append(uid)
    if order.count > limits.pods {
      let half = limits.pods / 2
      for uid in order.prefix(half) { pods[uid] = nil }
      order.removeFirst(half)
    }
    return Pod(bucket: TokenBucket(burst: limits.podBurst, interval: limits.interval))
  }
}
