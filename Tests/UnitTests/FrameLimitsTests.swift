import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Wire

/// What a peer may send, how large and how slowly.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct FrameLimitsTests {
  /// A connection with limits, and the bare descriptor at its other end.
  @EventLoop private final class Line {
    let connection: FrameConnection
    let other: Int32
    let frames = Heard<String>()
    let closed = Heard<String?>()

    init(_ limits: FrameConnection.Limits) throws {
      var ends: [Int32] = [-1, -1]
      let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
      guard socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else {
        throw POSIXFailure("socketpair")
      }
      other = ends[1]
      connection = FrameConnection(descriptor: ends[0], limits: limits, clock: SystemClock())
      connection.onFrame = { [frames] in frames.add(String(decoding: $0, as: UTF8.self)) }
      connection.onClose = { [closed] in closed.add($0) }
      connection.start()
    }

    deinit {
      Glibc.close(other)
    }

    func write(_ text: String) {
      _ = text.utf8CString.withUnsafeBytes {
        send(other, $0.baseAddress, $0.count - 1, Int32(MSG_NOSIGNAL))
      }
    }

    func hearsTheEnd() async throws -> String? {
      try await closed.wait(for: "the end") { !$0.isEmpty }
      return closed.items[0]
    }
  }

  @Test(arguments: [
    ("1025 ", 1025, 1024), ("1024 ", nil, 1024), ("9999999999 ", 9999, 1024), ("4 ", 4, 3),
    ("5000000 ", 5_000_000, 1 << 30),
  ])
  func theLimitOfAReaderIsNeverAboveThatOfFrames(
    _ text: String, _ refused: Int?, _ limit: Int
  ) throws {
    var reader = FrameReader(limit: limit)
    Data(text.utf8).withUnsafeBytes { reader.append($0) }
    do throws(FrameError) {
      #expect(try reader.next() == nil)
      #expect(refused == nil)
    } catch {
      let expected = refused.map { FrameError.tooLong($0, limit: min(limit, Frame.limit)) }
      #expect(error == expected)
    }
  }

  @Test @EventLoop func aLongFrameEndsTheConnectionWithTheLimitThatHolds() async throws {
    let line = try Line(FrameConnection.Limits(frame: 1024))
    line.write("1025 {}")
    #expect(try await line.hearsTheEnd() == "a frame of 1025 octets is over the limit of 1024")
  }

  @Test @EventLoop func aFrameThatHasBegunHasItsTime() async throws {
    let line = try Line(FrameConnection.Limits(frameTime: 0.3))
    let began = SystemClock().now
    line.write("10 {")
    #expect(
      try await line.hearsTheEnd() == "a frame is not whole 0.3 s after its first octet")
    #expect(SystemClock().now - began >= 0.29)
  }

  /// An octet now and then does not make it longer.
  @Test @EventLoop func octetByOctetIsNoMoreTime() async throws {
    let line = try Line(FrameConnection.Limits(frameTime: 0.3))
    let began = SystemClock().now
    line.write("1000 ")
    while line.closed.items.isEmpty, SystemClock().now - began < 10 {
      line.write("x")
      try await SystemClock().sleep(seconds: 0.02)
    }
    #expect(
      try await line.hearsTheEnd() == "a frame is not whole 0.3 s after its first octet")
    #expect(SystemClock().now - began < 5)
  }

  /// Each frame has its own time, and silence between frames has no end.
  @Test @EventLoop func framesThatAreWholeInTimeGoOn() async throws {
    let line = try Line(FrameConnection.Limits(frameTime: 1))
    for _ in 1...6 {
      // The end of one frame and the beginning of the next.
      line.write("3 {")
      try await SystemClock().sleep(seconds: 0.1)
      line.write("}\n3 ")
      try await SystemClock().sleep(seconds: 0.1)
      line.write("{}\n")
    }
    try await line.frames.wait(for: "12 frames") { $0.count == 12 }
    try await SystemClock().sleep(seconds: 1.2)
    #expect(line.closed.items.isEmpty)
  }

  @Test @EventLoop func aConnectionWithALifeEndsWhateverItDoes() async throws {
    let line = try Line(FrameConnection.Limits(life: 0.3))
    let began = SystemClock().now
    while line.closed.items.isEmpty, SystemClock().now - began < 10 {
      line.write("3 {}\n")
      try await SystemClock().sleep(seconds: 0.02)
    }
    #expect(try await line.hearsTheEnd() == "still open after 0.3 s")
  }
}
