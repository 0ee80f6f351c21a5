import Glibc
import Monitoring
import Runtime

/// The end of a process by a signal: what is under way comes to its end, for some seconds at most;
/// a second signal ends it at once.
@EventLoop
final class Ending {
  /// Seconds for what is under way.
  private static let patience = 5.0

  private let clock: any Clock
  private let end: @EventLoop () -> Void
  private var deadline: (any Timer)?
  private var hasBegun = false

  /// Gets to know that the process ends.
  var monitor: Monitor?

  /// - Parameter end: ends the process.
  init(clock: any Clock, end: @escaping @EventLoop () -> Void) {
    self.clock = clock
    self.end = end
  }

  /// A signal came that ends the process.
  func signalled() {
    guard !hasBegun, let monitor else { return end() }
    hasBegun = true
    monitor.stopping()
    deadline = clock.timer { [end] in end() }
    deadline?.schedule(after: Self.patience)
    Task { @EventLoop in
      await monitor.finish?()
      end()
    }
  }
}
