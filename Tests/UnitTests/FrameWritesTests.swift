import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Wire

@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct FrameWritesTests {
  /// A connection, and the reader at its other end.
  @EventLoop private final class Line {
    let connection: FrameConnection
    private let other: FrameConnection
    let heard = Heard<String>()

    init() throws {
      var ends: [Int32] = [-1, -1]
      let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
      guard socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else {
        throw POSIXFailure("socketpair")
      }
      connection = FrameConnection(descriptor: ends[0], clock: SystemClock())
      connection.start()
      other = FrameConnection(descriptor: ends[1], clock: SystemClock())
      other.onFrame = { [heard] in heard.add(String(decoding: $0, as: UTF8.self)) }
      other.start()
    }
  }

  /// What one turn of the loop brings is written together, and read as it was sent.
  @Test(arguments: [(1, 1), (2, 1), (500, 1), (2000, 8)])
  @EventLoop func writesManyFramesAtOnce(_ count: Int, _ most: Int) async throws {
    let line = try Line()
    let texts = (0..<count).map {
      "{\"number\":\($0),\"text\":\"\(String(repeating: "x", count: 80))\"}"
    }
    for text in texts { line.connection.send(Frame.encode(Data(text.utf8))) }
    #expect(line.connection.writes == 0)
    try await line.heard.wait(for: "\(count) frames") { $0.count == count }
    #expect(line.heard.items == texts)
    #expect(line.connection.writes <= most)
    #expect(line.connection.queued == 0)
  }

  /// One frame that many hear is not changed by what one of them hears after it.
  @Test @EventLoop func keepsAFrameThatIsShared() async throws {
    let first = try Line()
    let second = try Line()
    let shared = Frame.encode(Data("{}".utf8))
    for line in [first, second] { line.connection.send(shared) }
    first.connection.send(Frame.encode(Data("[1]".utf8)))
    try await first.heard.wait(for: "two frames") { $0 == ["{}", "[1]"] }
    try await second.heard.wait(for: "one frame") { $0 == ["{}"] }
    #expect(shared == Data("3 {}\n".utf8))
  }

  /// What is sent on when all is written is written, too.
  @Test @EventLoop func goesOnWhenAllIsWritten() async throws {
    let line = try Line()
    var left = 50
    line.connection.onDrained = { [unowned line] in
      guard left > 0 else { return }
      left -= 1
      line.connection.send(Frame.encode(Data("[\(left)]".utf8)))
    }
    line.connection.send(Frame.encode(Data("{}".utf8)))
    try await line.heard.wait(for: "all of it") { $0.last == "[0]" && $0.count == 51 }
  }
}
