/// Reads a text once, from its first octet to its last, and notes where its values stand: a node for
/// each, in the order of the text, the name of a member before its value. What is not JSON by RFC 8259
/// is refused. Whether strings are UTF-8 is looked at when they are taken.
struct JSONScanner {
  /// The most containers within each other, as of Foundation's JSONDecoder.
  static let depthLimit = 512
  /// Octets of zeros that must stand behind the text.
  static let padding = 8

  private let octets: UnsafePointer<UInt8>
  private let count: Int
  private var position = 0
  private(set) var nodes: [JSONNode] = []

  /// - Parameter octets: so many, and ``padding``.
  init(_ octets: UnsafePointer<UInt8>, count: Int) {
    self.octets = octets
    self.count = count
    nodes.reserveCapacity(count / 12 + 4)
  }

  /// Finds all nodes. Behind them is a null, for what is asked for and missing.
  mutating func scan() throws(JSONError) {
    skipSpace()
    try value(depth: 0)
    skipSpace()
    guard position == count else { throw error("something stands behind the value") }
    nodes.append(JSONNode(kind: .null, start: 0, end: 0, next: UInt32(nodes.count + 1)))
  }

  private func error(_ reason: String) -> JSONError {
    JSONError(reason: position < count ? reason : "it ends too early", offset: position)
  }

  private mutating func skipSpace() {
    while true {
      switch octets[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func value(depth: Int) throws(JSONError) {
    switch octets[position] {
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "{"): try object(depth: depth)
    case UInt8(ascii: "["): try array(depth: depth)
    case UInt8(ascii: "t"): try literal("true", .yes)
    case UInt8(ascii: "f"): try literal("false", .no)
    case UInt8(ascii: "n"): try literal("null", .null)
    default: try number()
    }
  }

  private mutating func append(_ kind: JSONNode.Kind, from start: Int, to end: Int) {
    nodes.append(
      JSONNode(
        kind: kind, start: UInt32(truncatingIfNeeded: start),
        end: UInt32(truncatingIfNeeded: end), next: UInt32(truncatingIfNeeded: nodes.count + 1)))
  }

  // MARK: Containers

  private mutating func begin(_ kind: JSONNode.Kind, depth: Int) throws(JSONError) -> Int {
    guard depth < Self.depthLimit else { throw error("too many containers within each other") }
    append(kind, from: position, to: 0)
    position += 1
    skipSpace()
    return nodes.count - 1
  }

  private mutating func end(_ container: Int, count: Int) {
    position += 1
    nodes[container].end = UInt32(truncatingIfNeeded: count)
    nodes[container].next = UInt32(truncatingIfNeeded: nodes.count)
  }

  /// Whether there is another element behind a comma.
  private mutating func goesOn(until close: UInt8) throws(JSONError) -> Bool {
    skipSpace()
    if octets[position] == UInt8(ascii: ",") {
      position += 1
      skipSpace()
      return true
    }
    guard octets[position] == close else { throw error("a comma is missing") }
    return false
  }

  private mutating func object(depth: Int) throws(JSONError) {
    let container = try begin(.object, depth: depth)
    var members = 0
    if octets[position] != UInt8(ascii: "}") {
      repeat {
        guard octets[position] == UInt8(ascii: "\"") else { throw error("a name is missing") }
        try string()
        skipSpace()
        guard octets[position] == UInt8(ascii: ":") else { throw error("a colon is missing") }
        position += 1
        skipSpace()
        try value(depth: depth + 1)
        members += 1
      } while try goesOn(until: UInt8(ascii: "}"))
    }
    end(container, count: members)
  }

  private mutating func array(depth: Int) throws(JSONError) {
    let container = try begin(.array, depth: depth)
    var elements = 0
    if octets[position] != UInt8(ascii: "]") {
      repeat {
        try value(depth: depth + 1)
        elements += 1
      } while try goesOn(until: UInt8(ascii: "]"))
    }
    end(container, count: elements)
  }

  // MARK: Scalars

  private mutating func literal(
    _ text: StaticString, _ kind: JSONNode.Kind
  ) throws(JSONError) {
    let start = position
    for index in 0..<text.utf8CodeUnitCount {
      guard octets[position] == text.utf8Start[index] else { throw error("no value") }
      position += 1
    }
    append(kind, from: start, to: position)
  }

  private mutating func string() throws(JSONError) {
    position += 1
    let start = position
    var kind = JSONNode.Kind.string
    while true {
      skipPlain()
      switch octets[position] {
      case UInt8(ascii: "\""):
        append(kind, from: start, to: position)
        position += 1
        return
      case UInt8(ascii: "\\"):
        kind = .escapedString
        try escape()
      case 0..<0x20: throw error("a control character in a string")
      default: position += 1
      }
    }
  }

  /// Skips eight octets at a time that are no control character, quote or backslash. (Bit Twiddling
  /// Hacks: "Determine if a word has a byte less than n".)
  private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    while true {
      let word = UnsafeRawPointer(octets + position).loadUnaligned(as: UInt64.self)
      let quotes = word ^ (ones &* 0x22)
      let slashes = word ^ (ones &* 0x5C)
      let found =
        ((word &- (ones &* 0x20)) & ~word) | ((quotes &- ones) & ~quotes)
        | ((slashes &- ones) & ~slashes)
      guard found & highs == 0 else { return }
      position += 8
    }
  }

  private mutating func escape() throws(JSONError) {
    position += 1
    switch octets[position] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      for _ in 0..<4 {
        guard hexadecimal(octets[position]) != nil else { throw error("no hexadecimal digit") }
        position += 1
      }
    default: throw error("an unknown escape")
    }
  }

  private mutating func number() throws(JSONError) {
    let start = position
    var kind = JSONNode.Kind.integer
    if octets[position] == UInt8(ascii: "-") { position += 1 }
    if octets[position] == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits()
    }
    if octets[position] == UInt8(ascii: ".") {
      kind = .decimal
      position += 1
      try digits()
    }
    if octets[position] | 0x20 == UInt8(ascii: "e") {
      kind = .decimal
      position += 1
      if octets[position] == UInt8(ascii: "+") || octets[position] == UInt8(ascii: "-") {
        position += 1
      }
      try digits()
    }
    append(kind, from: start, to: position)
  }

  private mutating func digits() throws(JSONError) {
    guard isDigit(octets[position]) else { throw error("no value") }
    while isDigit(octets[position]) { position += 1 }
  }

  private func isDigit(_ octet: UInt8) -> Bool { octet &- 0x30 < 10 }
}

/// A hexadecimal digit's value; nil where it is none.
func hexadecimal(_ octet: UInt8) -> UInt32? {
  switch octet {
  case 0x30...0x39: UInt32(octet - 0x30)
  case 0x41...0x46: UInt32(octet - 0x41 + 10)
  case 0x61...0x66: UInt32(octet - 0x61 + 10)
  default: nil
  }
}
