import Runtime

/// The time by which an election goes; tests have their own, which does not wait.
struct LeaseClock {
  /// Seconds on a clock that never goes back.
  var now: @EventLoop () -> Double
  /// Waits for so many seconds; throws `CancellationError` when the task is cancelled.
  var sleep: @EventLoop (Double) async throws -> Void

  static let monotonic = LeaseClock(
    now: { Monotonic.now }, sleep: { try await EventLoop.sleep(seconds: $0) })
}
