import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Wire

@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct FrameConnectionTests {
  /// A connection, and the bare descriptor at its other end.
  @EventLoop private final class Line {
    enum Event: Equatable {
      case frame(String)
      case closed(String?)
      case drained
    }

    let connection: FrameConnection
    let other: Int32
    let heard = Heard<Event>()

    init() throws {
      var ends: [Int32] = [-1, -1]
      // Closed in the children of other tests, which would hold it open otherwise.
      let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
      guard socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else {
        throw POSIXFailure("socketpair")
      }
      other = ends[1]
      connection = FrameConnection(descriptor: ends[0], clock: SystemClock())
      connection.onFrame = { [heard] in heard.add(.frame(String(decoding: $0, as: UTF8.self))) }
      connection.onClose = { [heard] in heard.add(.closed($0)) }
      connection.onDrained = { [heard] in heard.add(.drained) }
      connection.start()
    }

    deinit {
      close(other)
    }

    func write(_ text: String) {
      let count = text.utf8CString.withUnsafeBytes {
        send(other, $0.baseAddress, $0.count - 1, Int32(MSG_NOSIGNAL))
      }
      #expect(count == text.utf8.count)
    }

    func hears(_ event: Event) async throws {
      try await heard.wait(for: "\(event)") { $0.contains(event) }
    }
  }

  @Test @EventLoop func hearsFramesInPieces() async throws {
    let line = try Line()
    for octet in "3 {}\n4 [1]\n" {
      line.write(String(octet))
    }
    try await line.heard.wait(for: "two frames") { $0 == [.frame("{}"), .frame("[1]")] }
  }

  /// What a peer sends before it closes, and the reason.
  @Test(arguments: [
    ("", nil), ("3 {}\n", nil), ("3 {}", "closed in the middle of a frame"),
    ("12", "closed in the middle of a frame"),
  ])
  @EventLoop func tellsHowItEnded(_ text: String, _ reason: String?) async throws {
    let line = try Line()
    line.write(text)
    shutdown(line.other, Int32(SHUT_WR))
    try await line.hears(.closed(reason))
  }

  /// A malformed frame ends the connection; frames before it have been heard.
  @Test(arguments: [
    ("hello\n", #"a frame's length is not a decimal number: "hello\n""#),
    ("99999999 ", "a frame of 9999999 octets is over the limit of 4194304"),
    ("3 {}}", "a frame does not end in a line feed"),
  ])
  @EventLoop func endsAtAMalformedFrame(_ text: String, _ reason: String) async throws {
    let line = try Line()
    line.write("3 {}\n" + text)
    try await line.hears(.closed(reason))
    #expect(line.heard.items.first == .frame("{}"))
    #expect(line.heard.items.count { $0 != .frame("{}") } == 1)
  }

  @Test @EventLoop func writesWhatIsQueuedAndThenEnds() async throws {
    let line = try Line()
    line.connection.send(Frame.encode(Data("{}".utf8)))
    line.connection.finish()
    line.connection.send(Frame.encode(Data("[]".utf8)))
    try await line.hears(.closed(nil))
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = read(line.other, &buffer, buffer.count)
    #expect(buffer.prefix(max(count, 0)) == Array("3 {}\n".utf8)[...])
    #expect(read(line.other, &buffer, buffer.count) == 0)
  }

  @Test @EventLoop func tellsWhenAllIsWritten() async throws {
    let line = try Line()
    line.connection.send(Frame.encode(Data("{}".utf8)))
    try await line.hears(.drained)
    #expect(line.connection.queued == 0)
  }

  /// A reader that never reads is dropped at the limit, not before.
  @Test @EventLoop func dropsAReaderThatNeverReads() async throws {
    let line = try Line()
    // All share one buffer, so that only the count grows.
    let frame = Frame.encode(Data(count: 1 << 20))
    while line.connection.queued + frame.count <= FrameConnection.queueLimit {
      line.connection.send(frame)
    }
    let queued = line.connection.queued
    #expect(!line.heard.items.contains { $0 != .drained })
    line.connection.send(frame)
    try await line.hears(.closed("reads too slowly: \(queued) octets wait, the limit is 67108864"))
  }

  @Test @EventLoop func aPeerThatIsGoneIsNoError() async throws {
    let line = try Line()
    shutdown(line.other, Int32(SHUT_RDWR))
    line.connection.send(Frame.encode(Data("{}".utf8)))
    try await line.hears(.closed(nil))
    #expect(line.heard.items == [.closed(nil)])
  }
}
