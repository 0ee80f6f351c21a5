import Glibc
import Synchronization

/// Lines to a descriptor that has a reader, such as standard error, for whom nobody waits long: who
/// stops reading (a logger whose disk is full, a supervisor that hangs) must not stop us. What is left
/// out meanwhile is counted, and said when lines can be written again.
final class LogStream: Sendable {
  static let standardError = LogStream(STDERR_FILENO)

  /// What can be written to a pipe at once when it is writable (PIPE_BUF).
  private static let piece = 4096

  private struct State {
    var lost = 0
    /// The last line ended in its middle.
    var isCut = false
  }

  private let descriptor: Int32
  /// Seconds.
  private let longest: Double
  private let patience: LogPatience
  private let state = Mutex(State())

  /// - Parameters:
  ///   - patience: seconds for which a reader is waited for.
  ///   - rest: seconds after such a wait in which none is waited for.
  init(_ descriptor: Int32, patience: Double = 1, rest: Double = 20) {
    self.descriptor = descriptor
    longest = patience
    self.patience = LogPatience(rest: rest)
  }

  /// Writes a line, or leaves it out.
  /// - Parameter note: the line that says how many were left out before.
  func print(_ line: String, note: (_ lost: Int) -> String) {
    state.withLock { state in
      var text = state.isCut ? "\n" : ""
      if state.lost > 0 { text += note(state.lost) + "\n" }
      guard write(text + line + "\n", &state) else {
        state.lost += 1
        return
      }
      state.lost = 0
    }
  }

  private func write(_ text: String, _ state: inout State) -> Bool {
    var octets = Array(text.utf8)[...]
    var hasBegun = false
    while !octets.isEmpty {
      guard isWritable() else { break }
      let count = octets.prefix(Self.piece).withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      hasBegun = true
      octets = octets.dropFirst(count)
    }
    if hasBegun { state.isCut = !octets.isEmpty }
    return octets.isEmpty
  }

  private func isWritable() -> Bool {
    let waits = patience.isThere()
    var question = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // A signal shortens the wait, which does no harm.
    if poll(&question, 1, waits ? Int32(longest * 1000) : 0) > 0 { return true }
    if waits { patience.wasInVain() }
    return false
  }
}
