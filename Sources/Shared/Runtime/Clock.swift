import Glibc

/// Seconds on CLOCK_BOOTTIME, which all processes of one host share and which no clock adjustment
/// moves. Unlike CLOCK_MONOTONIC it goes on while the host is suspended: who held a Lease before
/// must not take it for fresh afterwards.
public struct Monotonic {
  /// The present moment in seconds.
  public static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension EventLoop {
  /// Waits without holding the loop.
  /// - Parameter seconds: how long; not positive means one turn of the loop.
  /// - Throws: `CancellationError` when the task is cancelled meanwhile.
  @EventLoop
  public static func sleep(seconds: Double) async throws {
    let sleeper = Sleeper()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { sleeper.start(seconds: seconds, $0) }
    } onCancel: {
      Task { @EventLoop in sleeper.finish(throwing: CancellationError()) }
    }
  }

  @EventLoop
  private final class Sleeper {
    private var continuation: CheckedContinuation<Void, any Error>?
    private var timer: EventSource?

    nonisolated init() {}

    func start(seconds: Double, _ continuation: CheckedContinuation<Void, any Error>) {
      guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
      self.continuation = continuation
      let timer = EventSource.timer { [weak self] in self?.finish(throwing: nil) }
      timer.schedule(after: seconds)
      self.timer = timer
    }

    func finish(throwing error: (any Error)?) {
      guard let continuation else { return }
      self.continuation = nil
      timer?.suspend()
      if let error { continuation.resume(throwing: error) } else { continuation.resume() }
    }
  }
}

/// Waiting times that grow with each failure, with jitter so that many clients do not
/// come back together.
public struct Backoff: Sendable {
  /// The first and the longest delay, in seconds.
  public let first: Double
  public let longest: Double
  private var next: Double

  public init(first: Double, longest: Double) {
    self.first = first
    self.longest = longest
    next = first
  }

  /// The delay to wait now, in seconds: between half and all of the present step.
  public mutating func delay() -> Double {
    let step = next
    next = min(next * 2, longest)
    return step * Double.random(in: 0.5...1)
  }

  /// Starts over after a success.
  public mutating func reset() {
    next = first
  }
}
