import FoundationEssentials
import Glibc
import Logging
import Monitoring
import Testing

@testable import Startup

/// How lines of the log are written.
struct LogFormatTests {
  private let fields = [("job", "5.pbs"), ("pod", "a\"b\\c\nd")]

  @Test(arguments: [
    (Logger.Level.info, "binder: words"), (.notice, "binder: words"),
    (.warning, "binder: warning: words"), (.debug, "binder: debug: words"),
  ])
  func textSaysWhatIsMoreThanInformation(_ level: Logger.Level, _ line: String) {
    #expect(LogFormat.text.line("binder", level, "words", fields) == line)
  }

  @Test func jsonIsOneObjectALine() throws {
    let line = LogFormat.json.line("binder", .error, "says \"no\"\u{1B}\nor \\", fields)
    #expect(!line.contains("\n"))
    let found = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    #expect(found["message"] == #"says "no"\u{1b} | or \"#)
    #expect(found["level"] == "error" && found["program"] == "binder" && found["job"] == "5.pbs")
    #expect(found["pod"] == #"a"b\c | d"#)
    let time = try #require(found["time"])
    #expect(throws: Never.self) {
      try Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
  }

  @Test(arguments: [
    (Logger.Level.critical, 2), (.error, 3), (.warning, 4), (.notice, 5), (.info, 6), (.trace, 7),
  ])
  func thePriorityIsSyslogs(_ level: Logger.Level, _ priority: Int) {
    #expect(LogFormat.journald.line("binder", level, "words", []) == "<\(priority)>words")
  }

  @Test func theJournalGetsFieldsOfTheirOwn() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/journal"
    let journal = try #require(Datagrams(path))
    LogOutput(program: "binder", format: .journald, journalPath: path)
      .write(.warning, "two\nlines", fields)
    #expect(
      journal.next() == """
        MESSAGE=two | lines
        PRIORITY=4
        SYSLOG_IDENTIFIER=binder
        PBS_CONNECTOR_JOB=5.pbs
        PBS_CONNECTOR_POD=a"b\\c | d

        """)
  }

  @Test func aPodIsNamedByTwoFields() {
    let fields = Logger.Metadata.about(pod: "team/redis", uid: "1", job: "5.pbs", host: "node1")
    #expect(
      fields == [
        "namespace": "team", "pod": "redis", "uid": "1", "job": "5.pbs", "host": "node1",
      ])
    #expect(Logger.Metadata.about(pod: "with UID 1") == [:])
  }

  @Test(arguments: [
    ("a eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2ln-_ b", "a (token) b"),
    ("Authorization: Bearer abcdefghij refused", "Authorization: Bearer (token) refused"),
    ("x -----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- y", "x (PEM) y"),
    ("x -----BEGIN CERTIFICATE-----\nabc", "x (PEM)"), ("the bearer of it", "the bearer of it"),
    ("eyJ is no token", "eyJ is no token"),
  ])
  func secretsAreLeftOut(_ text: String, _ masked: String) {
    #expect(Secrets.masked(text) == masked)
  }

  @Test func debuggingIsToggled() {
    let level = LogLevel(.warning)
    #expect(level.toggleDebug() == .debug)
    #expect(level.toggleDebug() == .warning)
    level.configure(.error)
    #expect(level.level == .error)
  }

  /// A socket that takes datagrams.
  private final class Datagrams {
    private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)

    init?(_ path: String) {
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard result == 0 else { return nil }
    }

    deinit { close(descriptor) }

    func next() -> String {
      var buffer = [UInt8](repeating: 0, count: 65536)
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    }
  }
}
