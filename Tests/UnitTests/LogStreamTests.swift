import Glibc
import Logging
import Testing

@testable import Startup

/// Lines of the log whose reader is slow, has stopped, or has no room for them.
@Suite(.timeLimit(.minutes(1))) struct LogStreamTests {
  /// A pipe, read by nobody but the test.
  private final class Pipe {
    private(set) var read: Int32 = -1
    private(set) var write: Int32 = -1

    init() throws {
      var ends: [Int32] = [-1, -1]
      try #require(pipe(&ends) == 0)
      (read, write) = (ends[0], ends[1])
      _ = fcntl(read, F_SETFL, O_NONBLOCK)
    }

    deinit {
      close(read)
      close(write)
    }

    /// All that is in it.
    func take() -> String {
      var all: [UInt8] = []
      var octets = [UInt8](repeating: 0, count: 65536)
      while case let count = Glibc.read(read, &octets, octets.count), count > 0 {
        all += octets.prefix(count)
      }
      return String(decoding: all, as: UTF8.self)
    }
  }

  private static func note(_ lost: Int) -> String { "lost \(lost)" }

  @Test func aReaderThatHasStoppedStopsNobody() throws {
    let pipe = try Pipe()
    let stream = LogStream(pipe.write, patience: 0.05, rest: 1000)
    let began = ContinuousClock.now
    let line = String(repeating: "x", count: 999)
    for _ in 0..<1000 { stream.print(line, note: Self.note) }
    // One wait, and not a thousand of them.
    #expect(ContinuousClock.now - began < .seconds(20))
    let written = pipe.take().split(separator: "\n").count
    #expect(written > 0 && written < 1000)
    stream.print("again", note: Self.note)
    let rest = pipe.take()
    #expect(rest.hasSuffix("lost \(1000 - written)\nagain\n") || rest.contains("lost"), "\(rest)")
    stream.print("and again", note: Self.note)
    #expect(pipe.take() == "and again\n")
  }

  @Test func aLineThatWasCutOffEndsBeforeTheNext() throws {
    let pipe = try Pipe()
    let stream = LogStream(pipe.write, patience: 0.01, rest: 1000)
    stream.print(String(repeating: "y", count: 100_000), note: Self.note)
    let cut = pipe.take()
    #expect(cut.utf8.allSatisfy { $0 == UInt8(ascii: "y") } && !cut.isEmpty)
    stream.print("next", note: Self.note)
    #expect(pipe.take() == "\nlost 1\nnext\n")
  }

  @Test func aFullDiskIsSurvived() throws {
    let full = open("/dev/full", O_WRONLY)
    try #require(full >= 0)
    defer { close(full) }
    let stream = LogStream(full, patience: 1, rest: 0)
    let began = ContinuousClock.now
    for _ in 0..<1000 { stream.print("line", note: Self.note) }
    #expect(ContinuousClock.now - began < .seconds(10))
  }

  /// A socket on which nobody receives.
  @Test func aJournalThatIsStoppedStopsNobody() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/journal"
    let journal = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(journal) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(journal, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    let pipe = try Pipe()
    let output = LogOutput(
      program: "binder", format: .journald, journalPath: path, stream: LogStream(pipe.write))
    let began = ContinuousClock.now
    var text = ""
    for number in 0..<5000 where text.isEmpty {
      output.write(.warning, "line \(number)")
      text = pipe.take()
    }
    #expect(text.hasPrefix("<4>line "))
    output.write(.info, "next")
    #expect(pipe.take() == "<6>next\n")
    #expect(ContinuousClock.now - began < .seconds(30))
  }

  @Test func aDescriptorThatIsClosedIsSurvived() {
    let stream = LogStream(-1, patience: 0, rest: 0)
    stream.print("line", note: Self.note)
  }

  @Test func aReaderIsNotWaitedForAllTheTime() {
    let patience = LogPatience(rest: 1000)
    #expect(patience.isThere())
    patience.wasInVain()
    #expect(!patience.isThere())
  }

  /// What is said when lines can be written again is a line of the log as others.
  @Test func theNoteIsALineAsOthers() throws {
    let pipe = try Pipe()
    let stream = LogStream(pipe.write, patience: 0, rest: 1000)
    let output = LogOutput(program: "binder", format: .json, stream: stream)
    while true {
      output.write(.info, String(repeating: "z", count: 900))
      guard case var question = pollfd(fd: pipe.write, events: Int16(POLLOUT), revents: 0),
        poll(&question, 1, 0) > 0
      else { break }
    }
    output.write(.info, "lost")
    _ = pipe.take()
    output.write(.info, "there")
    let lines = pipe.take().split(separator: "\n")
    #expect(lines.contains { $0.contains(#""level": "warning""#) && $0.contains("were left out") })
    #expect(lines.last?.contains(#""message": "there""#) == true)
  }
}
