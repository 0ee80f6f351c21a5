import FoundationEssentials
import Testing

@testable import KubernetesClient

@Suite struct LineSplitterTests {
  private static let stream = Data("one\n\ntwo\r\né\n\n\nlast".utf8)

  @Test(arguments: 1...stream.count)
  func cutsPiecesOfEverySize(_ size: Int) throws {
    var splitter = LineSplitter()
    var lines: [String] = []
    for start in stride(from: 0, to: Self.stream.count, by: size) {
      let piece = Data(Self.stream[start..<min(start + size, Self.stream.count)])
      lines += try piece.withUnsafeBytes { try splitter.take($0) }.map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    #expect(lines == ["one", "two\r", "é"])
    #expect(splitter.rest == Data("last".utf8))
  }

  @Test func anEmptyPieceIsNothing() throws {
    var splitter = LineSplitter()
    #expect(try splitter.take(UnsafeRawBufferPointer(start: nil, count: 0)).isEmpty)
    #expect(splitter.rest.isEmpty)
  }

  /// However it comes: whole, or in pieces that would fill the memory.
  @Test(arguments: [1, 7, 100]) func aLineWithoutEndIsRefusedAndNotKept(_ size: Int) throws {
    var splitter = LineSplitter(limit: 16)
    let longest = Data(String(repeating: "a", count: 16).utf8) + Data("\n".utf8)
    #expect(try longest.withUnsafeBytes { try splitter.take($0) }.map(\.count) == [16])
    let piece = Data(repeating: 0x61, count: size)
    #expect(throws: LineTooLong.self) {
      for _ in 0..<17 { _ = try piece.withUnsafeBytes { try splitter.take($0) } }
    }
    #expect(splitter.rest.count <= 16)
  }
}
