import Runtime

/// A moment until which a peer has time. Time in which this process itself did not run (it was
/// stopped, or its host was) does not count against the peer: then it gets the same time again.
@EventLoop
public final class Deadline {
  /// Seconds by which the loop may be late before that counts as having been stopped.
  private static let tolerance = 1.0

  private let seconds: Double
  private let action: @EventLoop () -> Void
  private var timer: EventSource?
  private var end: Double

  /// Whether the action's time has come.
  public private(set) var hasPassed = false

  /// Calls `action` once, so many seconds from now, unless it is freed before.
  public init(after seconds: Double, action: @escaping @EventLoop () -> Void) {
    self.seconds = seconds
    self.action = action
    end = Monotonic.now + seconds
    timer = EventSource.timer { [weak self] in self?.fired() }
    timer?.schedule(after: seconds)
  }

  private func fired() {
    let now = Monotonic.now
    guard now < end + Self.tolerance else {
      end = now + seconds
      timer?.schedule(after: seconds)
      return
    }
    hasPassed = true
    action()
  }
}
