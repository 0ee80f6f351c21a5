import CLinux
import Glibc
import Synchronization

/// Answers that another thread collects while this one waits for them.
final class CollectedAnswers: Sendable {
  private let answers = Mutex<[String: UserAnswer]>([:])
  /// A pipe, whose reading end is at its end when all are there.
  private let reading: Int32
  private let writing: Mutex<Int32>

  init() {
    var ends: [Int32] = [-1, -1]
    _ = connector_pipe(&ends)
    reading = ends[0]
    writing = Mutex(ends[1])
  }

  deinit {
    finish()
    if reading >= 0 { close(reading) }
  }

  func add(_ answer: UserAnswer, for name: String) {
    answers.withLock { $0[name] = answer }
  }

  /// There are no more.
  func finish() {
    writing.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
  }

  /// Waits until ``finish()``.
  /// - Parameter seconds: how long at most.
  /// - Returns: the answers until then.
  func wait(within seconds: Double) -> [String: UserAnswer] {
    var watched = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    // Cut short by a signal, it returns what is there.
    if reading >= 0 { _ = poll(&watched, 1, Int32(seconds * 1000)) }
    return answers.withLock { $0 }
  }
}
