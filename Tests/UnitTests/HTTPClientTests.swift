import FoundationEssentials
import Glibc
import Testing

@testable import HTTP
@testable import Runtime

/// Limits of requests, and connections that are given up.
@Suite(.runningLoop) struct HTTPClientTests {
  private let lines = LogLines()

  @EventLoop private func client() -> HTTPClient {
    HTTPClient(name: "server", connections: 1, clock: SystemClock(), log: lines.logger)
  }

  private func request(_ server: TCPServer, timeout: Double? = 0.3, limit: Int = 100) -> HTTPRequest
  {
    HTTPRequest(
      method: "GET", url: "http://127.0.0.1:\(server.port)/", timeout: timeout, answerLimit: limit)
  }

  private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

  @Test @EventLoop func anAnswerComes() async throws {
    let server = try TCPServer(answer: Self.answer)
    let response = try await client().send(request(server, timeout: 60))
    #expect(response.status == 200)
    #expect(response.body == Data("ok".utf8))
    #expect(lines.all == [])
  }

  @Test @EventLoop func aRequestIsNotOlderThanItsLimitAndItsConnectionIsNotUsedAgain() async throws
  {
    let server = try TCPServer(answer: "")
    let client = client()
    for number in 1...2 {
      let error = await #expect(throws: HTTPError.self) { try await client.send(request(server)) }
      #expect(error?.kind == .silence)
      #expect(error?.reason == "no answer within 0.3 s")
      #expect(server.connections == number)
    }
    // Once, not for each.
    #expect(lines.all.count == 1)
    #expect(lines.all.first?.hasPrefix("warning: server: ") == true)
    let other = try TCPServer(answer: Self.answer)
    _ = try await client.send(request(other, timeout: 60))
    #expect(lines.all.last == "notice: server: answers again")
  }

  @Test @EventLoop func aRequestThatWaitsForAConnectionIsNotOlderThanItsLimitEither() async throws {
    let server = try TCPServer(answer: "")
    let client = client()
    let first = Task { @EventLoop in try await client.send(request(server, timeout: 60)) }
    while server.connections == 0 { try await SystemClock().sleep(seconds: 0) }
    // The only connection is taken.
    let started = SystemClock().now
    let error = await #expect(throws: HTTPError.self) { try await client.send(request(server)) }
    #expect(error?.reason == "no answer within 0.3 s")
    #expect(SystemClock().now - started < 30)
    #expect(server.connections == 1)
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
  }

  @Test @EventLoop func streamsTakeNoConnectionFromRequests() async throws {
    let server = try TCPServer(answer: "HTTP/1.1 200 OK\r\n\r\n")
    let client = client()
    let watches = (0..<3).map { _ in
      Task { @EventLoop in
        try await client.stream(request(server, timeout: nil)) {
        } onData: { _, _ in
        }
      }
    }
    let other = try TCPServer(answer: Self.answer)
    _ = try await client.send(request(other, timeout: 60))
    for watch in watches {
      watch.cancel()
      await #expect(throws: CancellationError.self) { try await watch.value }
    }
  }

  @Test(arguments: ["200 OK", "500 Internal Server Error"])
  @EventLoop func aLongBodyIsBrokenOff(_ status: String) async throws {
    let size = status.hasPrefix("2") ? 101 : (1 << 20) + 1
    let server = try TCPServer(
      answer: "HTTP/1.1 \(status)\r\nContent-Length: \(size)\r\n\r\n"
        + String(repeating: "x", count: size))
    let client = client()
    let error = await #expect(throws: HTTPError.self) {
      try await client.send(request(server, timeout: 60))
    }
    #expect(error?.kind == .tooLarge)
    #expect(
      error?.reason == "\(status.prefix(3)), with a body larger than \(size - 1) octets: broken off"
    )
  }

  @Test @EventLoop func aBodyAtTheLimitIsWhole() async throws {
    let server = try TCPServer(answer: Self.answer)
    #expect(try await client().send(request(server, timeout: 60, limit: 2)).body.count == 2)
  }

  @Test @EventLoop func theKernelGivesUpDeadPeers() async throws {
    let server = try TCPServer(answer: "")
    let client = client()
    let task = Task { @EventLoop in try await client.send(request(server, timeout: 60)) }
    var found: [Int32] = []
    while found.isEmpty {
      found = (0..<1024).compactMap { userTimeout(of: $0, to: server.port) }
      try await SystemClock().sleep(seconds: 0)
    }
    #expect(found == [15_000])
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  /// TCP_USER_TIMEOUT of a socket that is connected to this port; nil for others.
  private func userTimeout(of socket: Int32, to port: Int) -> Int32? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(socket, $0, &length) == 0 }
    }
    guard isConnected, Int(UInt16(bigEndian: address.sin_port)) == port else { return nil }
    var value: Int32 = 0
    length = socklen_t(MemoryLayout<Int32>.size)
    let result = getsockopt(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &length)
    return result == 0 ? value : nil
  }
}
