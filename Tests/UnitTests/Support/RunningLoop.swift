import Glibc
import Testing

@testable import Runtime

/// Lets a suite's tests run on the event loop, which one thread of this process runs from
/// the first such test to the end.
struct RunningLoop: SuiteTrait, TestTrait, TestScoping {
  private static let thread: pthread_t = {
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { _ in
        _ = EventLoop.shared.run()
        return nil
      }, nil)
    precondition(result == 0, "pthread_create: \(String(cString: strerror(result)))")
    return thread
  }()

  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    _ = Self.thread
    try await function()
  }
}

extension Trait where Self == RunningLoop {
  /// The event loop runs.
  static var runningLoop: Self { RunningLoop() }
}
