import Shared

/// Slows down who makes pods that kubelets reject (OutOfcpu and the like): a controller makes the
/// next one at once, and PBS, which sees room, starts a job for each. Kept by owner, which has
/// other pods' submissions wait, and by node, which has bindings wait. Moments are monotonic
/// seconds.
struct RejectionBackoff: Sendable {
  /// Who waits. An owner's UID is text of who wrote the pod, and counts in his namespace only.
  enum Key: Hashable, Sendable {
    case owner(namespace: String, uid: String)
    case node(String)

    /// The controller of a pod, if it has one.
    static func owner(of pod: Pod) -> Key? {
      pod.controllerUID.map { .owner(namespace: pod.metadata.namespace ?? "default", uid: $0) }
    }
  }

  /// Seconds without a rejection after which a wait starts over.
  static let calm = 600.0
  /// Owners or nodes that are remembered at most; the oldest go first.
  private static let most = 10_000

  private struct Entry: Sendable {
    var backoff = Backoff(first: 10, longest: 300)
    var reason = ""
    var at = 0.0
    var until = 0.0
  }

  private var entries: [Key: Entry] = [:]

  /// Takes in what has become of a pod on a node.
  /// - Returns: a line for the log when kubelet has rejected it.
  mutating func note(_ pod: Pod, before: Pod, now: Double) -> String? {
    guard let node = pod.nodeName else { return nil }
    let owner = Key.owner(of: pod)
    guard let rejection = pod.rejection, before.rejection == nil else {
      if pod.status?.phase == "Running", before.status?.phase != "Running" {
        accepted(.node(node))
        if let owner { accepted(owner) }
      }
      return nil
    }
    // What is wrong with one pod is no trouble of the node's other pods.
    let keys = [owner, rejection.isOfNode ? .node(node) : nil].compactMap(\.self)
    for key in keys { rejected(key, reason: rejection.reason, now: now) }
    let others = rejection.isOfNode ? " and that node's" : ""
    return
      "pod \(pod.fullName) was rejected by the kubelet of \(node) (\(rejection.reason)): its owner's\(others) next pods wait"
  }

  /// A pod of this owner, or on this node, was rejected.
  mutating func rejected(_ key: Key, reason: String, now: Double) {
    if entries.count >= Self.most, let oldest = entries.min(by: { $0.value.at < $1.value.at }) {
      entries[oldest.key] = nil
    }
    var entry = entries[key] ?? Entry()
    if now - entry.at > Self.calm { entry.backoff.reset() }
    // Pods that were under way together are one rejection.
    if now >= entry.until { entry.until = now + entry.backoff.delay() }
    entry.at = now
    entry.reason = reason
    entries[key] = entry
  }

  /// A pod of this owner, or on this node, runs.
  mutating func accepted(_ key: Key) {
    if !entries.isEmpty { entries[key] = nil }
  }

  /// Until when to wait, and kubelet's reason; nil when there is nothing to wait for.
  func wait(_ key: Key, now: Double) -> (until: Double, reason: String)? {
    guard let entry = entries[key], now < entry.until else { return nil }
    return (entry.until, entry.reason)
  }
}
