import Glibc
import Logging
import Text

/// How a line of the log is written.
enum LogFormat: String, CaseIterable, Sendable {
  /// "program: warning: message"; supervisors add the time.
  case text
  /// One JSON object a line: time, level, program, message, and what the line is about.
  case json
  /// To systemd's journal, with what the line is about in fields of its own; where there is none, to
  /// standard error with the priority before the message (sd-daemon(3)).
  case journald

  /// The most octets of a message; what peers and servers say may be longer.
  private static let longest = 16384

  /// A line of text, without its end.
  /// - Parameters:
  ///   - level: nil for what is said whatever the level, such as why the process ends.
  ///   - fields: what it is about: the key and the value of each.
  func line(
    _ program: String, _ level: Logger.Level?, _ message: String, _ fields: [(String, String)]
  ) -> String {
    let message = Self.plain(message)
    switch self {
    case .text:
      let prefix =
        switch level {
        case nil, .info, .notice: ""
        case .some(let level): "\(level.rawValue): "
        }
      return "\(program): \(prefix)\(message)"
    case .json:
      let members =
        [
          ("time", Self.time()), ("level", (level ?? .notice).rawValue), ("program", program),
          ("message", message),
        ] + fields
      return "{\(members.map { "\"\($0)\": \"\(Self.quoted($1))\"" }.joined(separator: ", "))}"
    case .journald:
      return "<\(Self.priority(level))>\(message)"
    }
  }

  /// The datagram for the journal's socket (systemd: "Native Journal Protocol").
  static func journalEntry(
    _ program: String, _ level: Logger.Level?, _ message: String, _ fields: [(String, String)]
  ) -> String {
    var entry = "MESSAGE=\(plain(message))\nPRIORITY=\(priority(level))\n"
    entry += "SYSLOG_IDENTIFIER=\(program)\n"
    for (key, value) in fields { entry += "PBS_CONNECTOR_\(key.uppercased())=\(plain(value))\n" }
    return entry
  }

  /// On one line, without what acts on a terminal, and without secrets.
  private static func plain(_ text: String) -> String {
    PlainText.escaped(Secrets.masked(text), limit: longest)
  }

  /// As it stands between the quotes of a JSON string; control characters are gone before.
  private static func quoted(_ text: String) -> String {
    plain(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
  }

  /// syslog(3).
  private static func priority(_ level: Logger.Level?) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice, nil: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  /// Now, in microseconds (RFC 3339, UTC).
  private static func time() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(count - text.count, 0)) + text
    }
    let date =
      "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
    let time =
      "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
    return "\(date)T\(time).\(digits(now.tv_nsec / 1000, 6))Z"
  }
}
