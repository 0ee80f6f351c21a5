import Runtime

/// A moment until which a peer has time. Time in which this process itself did not run (it was
/// stopped, or its host was) does not count against the peer: then it gets the same time again.
@EventLoop
public final class Deadline {
  /// Seconds by which the loop may be late before that counts as having been stopped.
  private static let tolerance = 1.0

  private let seconds: Double
  private let clock: any Clock
  private let action: @EventLoop () -> Void
  private var timer: (any Timer)?
  private var end: Double

  /// Whether the action's time has come.
  public private(set) var hasPassed = false

  /// Calls `action` once, so many seconds from now, unless it is freed before.
  public init(after seconds: Double, clock: any Clock, action: @escaping @EventLoop () -> Void) {
    self.seconds = seconds
    self.clock = clock
    self.action = action
    end = clock.now + seconds
    timer = clock.timer { [weak self] in self?.fired() }
    timer?.schedule(after: seconds)
  }

  private func fired() {
    let now = clock.now
    guard now < end + Self.tolerance else {
      end = now + seconds
      timer?.schedule(after: seconds)
      return
    }
    hasPassed = true
    action()
  }
}
