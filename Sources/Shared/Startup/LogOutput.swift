import Glibc
import Logging
import Synchronization

/// Where a process's lines go, and in which form.
final class LogOutput: Sendable {
  /// The journal's socket (systemd-journald.service(8)).
  static let journal = "/run/systemd/journal/socket"
  /// The process's; text until its configuration has been read.
  static let current = Mutex<LogOutput?>(nil)

  private let program: String
  private let format: LogFormat
  private let journalPath: String
  private let descriptor: Int32
  private let stream: LogStream
  private let journalPatience = LogPatience()

  /// - Parameters:
  ///   - journalPath: of the journal's socket.
  ///   - stream: where lines go, and those that the journal does not take.
  init(
    program: String, format: LogFormat, journalPath: String = LogOutput.journal,
    stream: LogStream = .standardError
  ) {
    self.program = program
    self.format = format
    self.journalPath = journalPath
    self.stream = stream
    descriptor =
      format == .journald
      ? socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0) : -1
    var patience = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Writes a line.
  /// - Parameter level: nil for what is said whatever the level.
  func write(_ level: Logger.Level?, _ message: String, _ fields: [(String, String)] = []) {
    if format == .journald,
      tellJournal(LogFormat.journalEntry(program, level, message, fields))
    {
      return
    }
    stream.print(StandardError.line(format.line(program, level, message, fields))) { lost in
      StandardError.line(
        format.line(
          program, .warning,
          "\(lost) lines of the log were left out here: who reads them has stopped, or its disk is full",
          []))
    }
  }

  private func tellJournal(_ entry: String) -> Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = Array(journalPath.utf8)
    guard descriptor >= 0, path.count < MemoryLayout.size(ofValue: address.sun_path) else {
      return false
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let octets = Array(entry.utf8)
    func send(_ flags: Int32) -> Bool {
      withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(
            descriptor, octets, octets.count, Int32(MSG_NOSIGNAL) | flags, $0,
            socklen_t(MemoryLayout<sockaddr_un>.size)) == octets.count
        }
      }
    }
    if send(Int32(MSG_DONTWAIT)) { return true }
    // The journal may be slow for a moment, or stopped.
    guard errno == EAGAIN, journalPatience.isThere() else { return false }
    let isTaken = send(0)
    if !isTaken { journalPatience.wasInVain() }
    return isTaken
  }

  /// Writes a line in the process's form, which is text as long as its configuration is not read.
  static func say(_ program: String, _ message: String) {
    let output = current.withLock { $0 } ?? LogOutput(program: program, format: .text)
    output.write(nil, message)
  }
}
