import Glibc

/// Numbers and texts one after the other, as pbs-broker and its helpers tell each other: nothing is
/// named or quoted, so that writing and reading are hardly more than copying.
struct FlatWriter {
  private(set) var octets: [UInt8] = []

  var count: Int { octets.count }

  mutating func add(octet: UInt8) { octets.append(octet) }

  /// 0 to 2^32 - 1; what is beyond becomes the nearest of these.
  mutating func add(_ number: Int) {
    withUnsafeBytes(of: UInt32(clamping: number).littleEndian) { octets.append(contentsOf: $0) }
  }

  /// A text; one of 4 GiB or more is none that fits into any frame.
  mutating func add(_ text: UnsafeRawBufferPointer) {
    add(text.count)
    octets.append(contentsOf: text)
  }

  mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  /// Takes back what was written after this many octets.
  mutating func cut(to count: Int) { octets.removeLast(octets.count - count) }

  mutating func removeAll() { octets.removeAll(keepingCapacity: true) }
}

/// Why octets are not what they should be.
enum FlatError: Error, Equatable, CustomStringConvertible {
  case cut
  case unknown(UInt8)
  case tooLong(Int)
  case unexpected(String)

  var description: String {
    switch self {
    case .cut: "it ends before its end"
    case .unknown(let tag): "nobody knows what \(tag) means"
    case .tooLong(let count): "a text of \(count) octets is too long"
    case .unexpected(let what): "\(what) was not asked for"
    }
  }
}

/// Reads what ``FlatWriter`` has written. Whoever wrote it is not believed: no length leads beyond
/// the end, and no memory is taken for what is not there.
struct FlatReader {
  /// Valid as long as the octets that this reads.
  private var rest: UnsafeRawBufferPointer

  init(_ octets: UnsafeRawBufferPointer) {
    rest = octets
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// The only place that moves on.
  private mutating func take(_ count: Int) throws(FlatError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= rest.count else { throw .cut }
    let taken = UnsafeRawBufferPointer(rebasing: rest[..<count])
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    return taken
  }

  mutating func octet() throws(FlatError) -> UInt8 {
    try take(1)[0]
  }

  mutating func number() throws(FlatError) -> Int {
    Int(UInt32(littleEndian: try take(4).loadUnaligned(as: UInt32.self)))
  }

  /// A text's octets, which are there as long as those that this reads.
  mutating func octets() throws(FlatError) -> UnsafeRawBufferPointer {
    try take(try number())
  }

  /// A text; what is not UTF-8 in it is repaired.
  /// - Parameter limit: the most octets.
  mutating func text(limit: Int = .max) throws(FlatError) -> String {
    let octets = try octets()
    guard octets.count <= limit else { throw .tooLong(octets.count) }
    return String(flat: octets)
  }
}

extension UnsafeRawBufferPointer {
  /// Whether both are the same octets.
  func isSame(as other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    guard let own = baseAddress, let others = other.baseAddress else { return true }
    return memcmp(own, others, count) == 0
  }

  func isSame(as text: StaticString) -> Bool {
    isSame(as: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}

extension String {
  /// From octets that should be UTF-8; what is not is repaired.
  init(flat octets: UnsafeRawBufferPointer) {
    self.init(decoding: octets, as: UTF8.self)
  }
}
