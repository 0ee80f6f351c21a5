import FoundationEssentials

/// Time, as all that waits, measures or decides by time has it passed in: the real one is
/// ``SystemClock``; tests and the simulation have one that moves when they say so.
@EventLoop
public protocol Clock: AnyObject, Sendable {
  /// The present moment in seconds. All processes of one host share it, no adjustment moves it,
  /// and it goes on while the host is suspended.
  nonisolated var now: Double { get }
  /// The time of day, which may be adjusted: only for what other hosts write and read.
  nonisolated var date: Date { get }
  /// A timer that is armed with ``Timer/schedule(after:)`` and calls `handler` once for each arming,
  /// until it is freed.
  func timer(_ handler: @escaping @EventLoop () -> Void) -> any Timer
  /// A number drawn from the range, by which those who wait for the same do not come back together.
  func random(in range: ClosedRange<Double>) -> Double
  /// The jitter for one ``Backoff``.
  func jitter() -> Jitter
}

/// A moment to come. It is forgotten when it is freed.
@EventLoop
public protocol Timer: AnyObject {
  /// Arms it, in seconds from now; an earlier arming is replaced.
  func schedule(after seconds: Double)
  /// Disarms it.
  func suspend()
}

extension Clock {
  /// Waits without holding the loop.
  /// - Parameter seconds: how long; not positive means one turn of the loop.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  public func sleep(seconds: Double) async throws {
    let sleeper = Sleeper()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        let timer = timer { [weak sleeper] in sleeper?.finish(throwing: nil) }
        sleeper.start(timer, continuation)
        timer.schedule(after: seconds)
      }
    } onCancel: {
      Task { @EventLoop in sleeper.finish(throwing: CancellationError()) }
    }
  }
}

@EventLoop
private final class Sleeper {
  private var continuation: CheckedContinuation<Void, any Error>?
  private var timer: (any Timer)?

  nonisolated init() {}

  func start(_ timer: any Timer, _ continuation: CheckedContinuation<Void, any Error>) {
    self.timer = timer
    self.continuation = continuation
  }

  func finish(throwing error: (any Error)?) {
    guard let continuation else { return }
    self.continuation = nil
    timer?.suspend()
    if let error { continuation.resume(throwing: error) } else { continuation.resume() }
  }
}
