/// Which binders bring about what they are asked for. One that answers pings and nothing else, or that
/// only ever puts off what it is asked for, loses its share for a while to others that do not.
///
/// Bindings and deletions count, since they matter, and since no other work may hold them up. Moments
/// and intervals are seconds on the monotonic clock.
struct BinderProgress: Sendable {
  struct Limits: Sendable {
    /// How long something may have been asked of a binder that brings nothing about.
    var patience = 60.0
    /// For how long its share is the others' then, the first time and at most.
    var rest = 300.0
    var longestRest = 3600.0
  }

  private struct Binder: Sendable {
    /// When it brought something about last.
    var progressAt = -Double.infinity
    /// Until when others have its share.
    var asideUntil = -Double.infinity
    var rest: Double
  }

  private let limits: Limits
  private var binders: [String: Binder] = [:]

  init(limits: Limits = Limits()) {
    self.limits = limits
  }

  /// The binder has brought about what it was asked for, by another's word than its own.
  mutating func advanced(_ name: String, now: Double) {
    var binder = binders[name] ?? Binder(rest: limits.rest)
    binder.progressAt = now
    binder.rest = limits.rest
    binders[name] = binder
  }

  /// Those that are to have no share now.
  /// - Parameters:
  ///   - connected: all binders that there are.
  ///   - waiting: for each that has been asked for something, since when, for the longest.
  /// - Returns: all of them, and those that have just lost their share, with the length of their rest.
  mutating func aside(
    _ connected: [String], waiting: [String: Double], now: Double
  ) -> (all: Set<String>, new: [String: Double]) {
    binders = binders.filter { connected.contains($0.key) || $0.value.asideUntil > now }
    var new: [String: Double] = [:]
    let idle = Set(connected.filter { isIdle($0, waiting[$0], now) })
    for name in idle where connected.contains(where: { !idle.contains($0) && hasShare($0, now) }) {
      var binder = binders[name] ?? Binder(rest: limits.rest)
      new[name] = binder.rest
      binder.asideUntil = now + binder.rest
      binder.rest = min(binder.rest * 2, limits.longestRest)
      binders[name] = binder
    }
    return (Set(connected.filter { (binders[$0]?.asideUntil ?? 0) > now }), new)
  }

  private func isIdle(_ name: String, _ waiting: Double?, _ now: Double) -> Bool {
    guard let waiting, hasShare(name, now) else { return false }
    return now - max(waiting, binders[name]?.progressAt ?? waiting) >= limits.patience
  }

  private func hasShare(_ name: String, _ now: Double) -> Bool {
    now >= binders[name]?.asideUntil ?? now
  }
}
