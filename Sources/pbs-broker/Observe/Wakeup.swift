import Runtime

/// A wait with a limit that others can cut short.
@EventLoop
final class Wakeup {
  private let clock: any Clock
  private var timer: (any Timer)?
  private var dueAt = Double.infinity
  private var continuation: CheckedContinuation<Void, Never>?

  init(clock: any Clock) {
    self.clock = clock
  }

  /// Waits at most so many seconds; ``wake(within:)`` may shorten it, before or meanwhile.
  func wait(atMost seconds: Double) async {
    dueAt = min(dueAt, clock.now + seconds)
    await withCheckedContinuation { continuation in
      self.continuation = continuation
      arm()
    }
    dueAt = .infinity
  }

  /// Lets the wait end within so many seconds.
  func wake(within seconds: Double) {
    let moment = clock.now + seconds
    guard moment < dueAt else { return }
    dueAt = moment
    if continuation != nil { arm() }
  }

  private func arm() {
    let timer = timer ?? clock.timer { [weak self] in self?.fire() }
    self.timer = timer
    timer.schedule(after: dueAt - clock.now)
  }

  private func fire() {
    let continuation = continuation
    self.continuation = nil
    continuation?.resume()
  }
}
