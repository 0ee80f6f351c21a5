import Runtime

/// Slows down who makes pods that kubelets reject (OutOfcpu and the like): a controller makes the
/// next one at once, and PBS, which sees room, starts a job for each. Kept by owner, which has
/// other pods' submissions wait, and by node, which has bindings wait. Moments are monotonic
/// seconds.
struct RejectionBackoff: Sendable {
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

  private var entries: [String: Entry] = [:]

  /// A pod of this owner, or on this node, was rejected.
  mutating func rejected(_ key: String, reason: String, now: Double) {
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
  mutating func accepted(_ key: String) {
    if !entries.isEmpty { entries[key] = nil }
  }

  /// Until when to wait, and kubelet's reason; nil when there is nothing to wait for.
  func wait(_ key: String, now: Double) -> (until: Double, reason: String)? {
    guard let entry = entries[key], now < entry.until else { return nil }
    return (entry.until, entry.reason)
  }
}
