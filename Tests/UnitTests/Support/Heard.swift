@testable import Runtime

/// What a test has heard so far, and a way to wait for more.
@EventLoop
final class Heard<Item> {
  private(set) var items: [Item] = []
  private var waiting: [(isMet: @EventLoop ([Item]) -> Bool, wait: Wait)] = []

  func add(_ item: Item) {
    items.append(item)
    waiting.removeAll { isMet, wait in
      guard isMet(items) else { return false }
      wait.end(nil)
      return true
    }
  }

  /// Waits until all that was heard meets a condition.
  /// - Parameter limit: seconds after which it counts as a failure; far more than it takes.
  /// - Throws: ``DidNotHappen``.
  func wait(
    for what: String, limit: Double = 30, until isMet: @escaping @EventLoop ([Item]) -> Bool
  ) async throws {
    guard !isMet(items) else { return }
    try await withCheckedThrowingContinuation { continuation in
      let wait = Wait(continuation)
      waiting.append((isMet, wait))
      let timer = SystemClock().timer { [unowned self] in
        wait.end(
          DidNotHappen(description: "\(what) did not happen within \(limit) s; heard: \(items)"))
      }
      timer.schedule(after: limit)
      wait.timer = timer
    }
  }

  private final class Wait {
    private var continuation: CheckedContinuation<Void, any Error>?
    var timer: (any Timer)?

    init(_ continuation: CheckedContinuation<Void, any Error>) {
      self.continuation = continuation
    }

    @EventLoop func end(_ error: (any Error)?) {
      timer?.suspend()
      guard let continuation else { return }
      self.continuation = nil
      if let error { continuation.resume(throwing: error) } else { continuation.resume() }
    }
  }
}

/// A condition that was waited for in vain.
struct DidNotHappen: Error, CustomStringConvertible {
  let description: String
}
