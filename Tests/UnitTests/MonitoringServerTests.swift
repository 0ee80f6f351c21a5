import FoundationEssentials
import Glibc
import Testing

@testable import Monitoring
@testable import Runtime
@testable import Wire

/// Who asks for metrics gets them, and can hold up nothing.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct MonitoringServerTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/m.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  @EventLoop private func server(
    _ limits: MonitoringServer.Limits = .init()
  ) throws -> MonitoringServer {
    try MonitoringServer(.unix(path), limits: limits, clock: SystemClock()) { _ in
      MonitoringAnswer(status: 200, body: String(repeating: "x", count: 300_000))
    }
  }

  /// A client that has sent this.
  private func client(_ text: String) throws -> Int32 {
    let descriptor = try UnixSocket.connect(path: path)
    let octets = Array(text.utf8)
    _ = send(descriptor, octets, octets.count, Int32(MSG_NOSIGNAL))
    return descriptor
  }

  /// All that comes until the end; read only when it is there.
  @EventLoop private func answer(_ descriptor: Int32) async throws -> String {
    var octets: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 {
        octets += buffer.prefix(count)
      } else if count == 0 || errno != EAGAIN {
        close(descriptor)
        return String(decoding: octets, as: UTF8.self)
      } else {
        try await SystemClock().sleep(seconds: 0.01)
      }
    }
  }

  @Test @EventLoop func aLongAnswerComesWhole() async throws {
    let server = try server()
    let text = try await answer(client("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"))
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(text.contains("Content-Length: 300000\r\n"))
    #expect(text.hasSuffix("\r\n\r\n" + String(repeating: "x", count: 300_000)))
    withExtendedLifetime(server) {}
  }

  @Test @EventLoop func whoSaysNothingOrReadsNothingIsClosed() async throws {
    let server = try server(.init(time: 0.2))
    let silent = try client("GET /metrics HT")
    let deaf = try client("GET /metrics HTTP/1.1\r\n\r\n")
    let rest = try await answer(silent)
    #expect(rest.isEmpty)
    try await SystemClock().sleep(seconds: 0.3)
    let part = try await answer(deaf)
    #expect(part.utf8.count < 300_000)
    withExtendedLifetime(server) {}
  }

  @Test @EventLoop func whatIsTooManyWaitsAndIsServedThen() async throws {
    let server = try server(.init(connections: 2, time: 0.3))
    let silent = try (1...2).map { _ in try client("") }
    let third = try client("HEAD /healthz HTTP/1.0\r\n\r\n")
    let text = try await answer(third)
    #expect(text.hasSuffix("\r\n\r\n") && text.contains("Content-Length: 300000\r\n"))
    for descriptor in silent { close(descriptor) }
    withExtendedLifetime(server) {}
  }

  @Test(arguments: [
    ("GET /metrics HTTP/1.1\r\n\r\n", MonitoringRequest.metrics),
    ("GET /healthz?x=1 HTTP/1.0\n\n", .health),
    ("GET /readyz HTTP/1.1\r\nA: b\r\n\r\n", .readiness),
    ("POST /metrics HTTP/1.1\r\n\r\n", .refused(405)), ("GET / HTTP/1.1\r\n\r\n", .refused(404)),
    ("GET /metrics\r\n\r\n", .refused(400)), ("\r\n\r\n", .refused(400)),
    (String(repeating: "a", count: 8192), .refused(431)),
  ])
  func requestsAreRead(_ text: String, _ expected: MonitoringRequest) {
    #expect(MonitoringRequest.parse(Array(text.utf8))?.request == expected)
  }

  @Test(arguments: ["", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.1\r\nA: b\r\n"])
  func aHeadThatHasNotEndedIsWaitedFor(_ text: String) {
    #expect(MonitoringRequest.parse(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    ("/run/a.sock", MonitoringAddress.unix("/run/a.sock")), ("unix:/a", .unix("/a")),
    ("127.0.0.1:9400", .tcp(host: "127.0.0.1", port: 9400)), (":9400", .tcp(host: "", port: 9400)),
    ("[::1]:0", .tcp(host: "::1", port: 0)), ("::1:9400", nil), ("localhost", nil),
    ("a:70000", nil),
    ("", nil),
  ])
  func addressesAreRead(_ text: String, _ expected: MonitoringAddress?) {
    #expect(MonitoringAddress(text) == expected)
  }
}
