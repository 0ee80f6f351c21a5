import Glibc
import Synchronization

/// Whether a reader of the log is waited for: not again for a while when that was in vain.
final class LogPatience: Sendable {
  private let rest: Double
  private let from = Mutex(0.0)

  /// - Parameter rest: seconds.
  init(rest: Double = 20) {
    self.rest = rest
  }

  /// Whether it is waited for now.
  func isThere() -> Bool { from.withLock { Self.now >= $0 } }

  /// It was waited for in vain.
  func wasInVain() {
    from.withLock { $0 = Self.now + rest }
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
