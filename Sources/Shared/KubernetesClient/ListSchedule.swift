import Text

/// When a ``Reflector`` makes a list anew although its watch could be resumed.
///
/// An etcd that was restored from a backup has another history from the backup's version on. Once that
/// has come as far as ours, no version shows it any more, and a watch that is resumed misses what the
/// new history has between the two. client-go's informers do not notice it either: Kubernetes asks for
/// a restart of all components then ("Operating etcd clusters for Kubernetes", restoring). Here it
/// would mean pods without jobs, and jobs without pods, for good.
struct ListSchedule: Sendable {
  enum Reason: Equatable, CustomStringConvertible {
    /// To restore etcd, all API servers are stopped.
    case wasAway(seconds: Double)
    /// The last list was long ago.
    case longAgo

    var description: String {
      switch self {
      case .wasAway(let seconds):
        "did not answer for \(String(rounded: seconds)) s, and may have been restored from a backup"
      case .longAgo: "was listed last long ago"
      }
    }
  }

  /// Monotonic seconds of the last list.
  private(set) var listedAt = -Double.infinity
  /// Seconds that it took.
  private var cost = 0.0
  /// Since when the server has not answered; nil while it does.
  private var awaySince: Double?

  /// A request has failed.
  mutating func failed(now: Double) { awaySince = awaySince ?? now }

  mutating func listed(since began: Double, now: Double) {
    listedAt = now
    cost = now - began
    awaySince = nil
  }

  /// The moment of the next list at the latest.
  func next(_ timing: WatchTiming) -> Double {
    listedAt + max(timing.listInterval, cost * WatchTiming.listShare)
  }

  /// Why to list again, now that the server answers; nil where the watch is to be resumed.
  mutating func reason(_ timing: WatchTiming, now: Double) -> Reason? {
    defer { awaySince = nil }
    if let awaySince, now - awaySince >= WatchTiming.outage {
      return .wasAway(seconds: now - awaySince)
    }
    return now >= next(timing) ? .longAgo : nil
  }
}
