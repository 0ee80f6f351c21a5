import FoundationEssentials
import Testing

@testable import Wire

@Suite struct FrameReaderTests {
  private static let objects = [
    #"{"type":"pong"}"#, "{}", #"{"type":"pod","pod":{"metadata":{"name":"é"}}}"#,
    String(repeating: "x", count: 1000),
    "", "12 {}",
  ]

  private static let stream = objects.map { Frame.encode(Data($0.utf8)) }.reduce(Data(), +)

  @Test(arguments: 1...stream.count)
  func readsPiecesOfEverySize(_ size: Int) throws {
    var reader = FrameReader()
    var read: [String] = []
    for piece in Self.stream.pieces(of: size) {
      reader.append(piece)
      while let json = try reader.next() { read.append(String(decoding: json, as: UTF8.self)) }
    }
    #expect(read == Self.objects)
    #expect(reader.pending == 0)
  }

  @Test(arguments: 0..<Frame.encode(Data(#"{"type":"pong"}"#.utf8)).count)
  func waitsForTheRestOfAFrame(_ length: Int) throws {
    var reader = FrameReader()
    reader.append(Frame.encode(Data(#"{"type":"pong"}"#.utf8)).prefix(length))
    let next = try reader.next()
    #expect(next == nil)
    #expect(reader.pending == length)
  }

  /// What a peer sends, and why it is no frame.
  @Test(arguments: [
    ("-1 ", FrameError.malformedLength(#""-1 ""#)),
    ("+5 {}", .malformedLength(#""+5 {}""#)),
    ("03 {}\n", .malformedLength(#""03 {}\n""#)),
    ("00", .malformedLength(#""00""#)),
    ("0 ", .malformedLength(#""0 ""#)),
    (" 3 {}\n", .malformedLength(#"" 3 {}\n""#)),
    ("\n", .malformedLength(#""\n""#)),
    ("3\t{}\n", .malformedLength(#""3\t{}\n""#)),
    ("0x3 {}\n", .malformedLength(#""0x3 {}\n""#)),
    ("{\"type\":\"hello\"}\n", .malformedLength(#""{\"type\":\"hello\"}""#)),
    ("GET / HTTP/1.1\r\n", .malformedLength(#""GET / HTTP/1.1\r\n""#)),
    ("4194305", .tooLong(4_194_305)),
    ("9999999 ", .tooLong(9_999_999)),
    ("99999999999999999999999999", .tooLong(9_999_999)),
    ("2 {}\n", .missingLineFeed),
    ("3 {}}\n", .missingLineFeed),
    ("4 {}\n5", .missingLineFeed),
  ])
  func refuses(_ text: String, _ error: FrameError) {
    var reader = FrameReader()
    reader.append(Data(text.utf8))
    #expect(throws: error) { try reader.next() }
  }

  /// A bad frame is told as soon as it can be, and does not harm those before it.
  @Test func whatCameBeforeABadFrameCounts() throws {
    var reader = FrameReader()
    reader.append(Data("3 {}\n3 []\nx".utf8))
    let read = [try reader.next(), try reader.next()]
    #expect(read == [Data("{}".utf8), Data("[]".utf8)])
    #expect(throws: FrameError.malformedLength(#""x""#)) { try reader.next() }
  }

  @Test func readsAFrameOfTheLimit() throws {
    let json = Data(repeating: 0x20, count: Frame.limit - 1)
    var reader = FrameReader()
    reader.append(Frame.encode(json))
    let read = try reader.next()
    #expect(read == json)
    reader.append(Frame.encode(json + [0x20]))
    #expect(throws: FrameError.tooLong(Frame.limit + 1)) { try reader.next() }
  }

  @Test func readsAMillionSmallFrames() throws {
    let count = 1_000_000
    let frame = Frame.encode(Data("{}".utf8))
    // Pieces of 4099 octets cut frames anywhere.
    let stream = (0..<2000).map { _ in frame }.reduce(Data(), +)
    var reader = FrameReader()
    var read = 0
    var most = 0
    var offset = 0
    while read < count {
      let size = min(4099, (count - read) * frame.count - reader.pending)
      reader.append(stream[offset..<(offset + size)])
      offset = (offset + size) % frame.count
      while let json = try reader.next() {
        read += json == Data("{}".utf8) ? 1 : count
      }
      most = max(most, reader.pending)
    }
    #expect(read == count)
    #expect(reader.pending == 0)
    #expect(most < frame.count)
  }

  /// Random octets end in an error or wait for more; they never crash, and what waits is never
  /// more than one frame.
  @Test func randomOctetsNeverCrashOrGrow() throws {
    let seed = Seed.forTest("FrameReader, random octets")
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("0123456789 {}\n\"-".utf8)
    var refused = 0
    for round in 0..<2000 {
      var reader = FrameReader()
      var appended = 0
      var taken = 0
      // Octets of any value, or such as are nearly frames.
      let isNearly = Bool.random(using: &random)
      pieces: for _ in 0..<Int.random(in: 1...20, using: &random) {
        let piece = (0..<Int.random(in: 0...200, using: &random)).map { _ in
          isNearly
            ? alphabet.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
        }
        reader.append(Data(piece))
        appended += piece.count
        do throws(FrameError) {
          while let json = try reader.next() { taken += json.count + 3 }
        } catch {
          refused += 1
          break pieces
        }
        // A frame's length and space are at least two octets, its line feed one.
        #expect(reader.pending + taken <= appended, "seed \(seed), round \(round)")
      }
    }
    #expect(refused > 0, "seed \(seed)")
  }

  /// Frames of random content, cut at random, come out as they went in.
  @Test func whateverIsFramedIsReadAgain() throws {
    let seed = Seed.forTest("FrameReader, random frames")
    var random = SeededGenerator(seed: seed)
    for round in 0..<200 {
      let objects = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        Data(
          (0..<Int.random(in: 0...300, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
          })
      }
      var rest = objects.map { Frame.encode($0) }.reduce(Data(), +)[...]
      var reader = FrameReader()
      var read: [Data] = []
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...400, using: &random))
        rest = rest.dropFirst(piece.count)
        reader.append(piece)
        while let json = try reader.next() { read.append(json) }
      }
      #expect(read == objects, "seed \(seed), round \(round)")
      #expect(reader.pending == 0, "seed \(seed), round \(round)")
    }
  }

  /// Once its frames are taken, a stream of any length needs no memory.
  @Test func whatHasBeenReadIsForgotten() throws {
    var reader = FrameReader()
    let frame = Frame.encode(Data(repeating: 0x20, count: 100_000))
    for _ in 0..<100 {
      reader.append(frame + frame.prefix(10))
      var read = [try reader.next(), try reader.next()].map { $0?.count }
      #expect(read == [100_000, nil])
      #expect(reader.pending == 10)
      reader.append(frame.dropFirst(10))
      read = [try reader.next()].map { $0?.count }
      #expect(read == [100_000])
      #expect(reader.held <= 3 * frame.count)
    }
  }
}

extension FrameReader {
  fileprivate mutating func append(_ data: Data) {
    data.withUnsafeBytes { append($0) }
  }

  /// All octets in memory, read ones included.
  fileprivate var held: Int {
    let buffer = Mirror(reflecting: self).descendant("buffer") as? [UInt8]
    return buffer?.count ?? .max
  }
}

extension Data {
  fileprivate func pieces(of size: Int) -> [Data] {
    stride(from: 0, to: count, by: size).map { Data(self[$0..<Swift.min($0 + size, count)]) }
  }
}
