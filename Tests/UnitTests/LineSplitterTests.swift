import FoundationEssentials
import Testing

@testable import Shared

@Suite struct LineSplitterTests {
  private static let stream = Data("one\n\ntwo\r\né\n\n\nlast".utf8)

  @Test(arguments: 1...stream.count)
  func cutsPiecesOfEverySize(_ size: Int) {
    var splitter = LineSplitter()
    var lines: [String] = []
    for start in stride(from: 0, to: Self.stream.count, by: size) {
      let piece = Data(Self.stream[start..<min(start + size, Self.stream.count)])
      lines += piece.withUnsafeBytes { splitter.take($0) }.map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    #expect(lines == ["one", "two\r", "é"])
    #expect(splitter.rest == Data("last".utf8))
  }

  @Test func anEmptyPieceIsNothing() {
    var splitter = LineSplitter()
    #expect(splitter.take(UnsafeRawBufferPointer(start: nil, count: 0)).isEmpty)
    #expect(splitter.rest.isEmpty)
  }
}
