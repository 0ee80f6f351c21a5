/// What a backslash stands for in a string, both ways. (RFC 8259, section 7.)
enum JSONEscapes {
  /// The text of a string whose escapes have their form.
  /// - Returns: nil where it is not UTF-8, or where half of a surrogate pair is missing.
  static func text(of octets: UnsafeBufferPointer<UInt8>) -> String? {
    var result: [UInt8] = []
    result.reserveCapacity(octets.count)
    var index = 0
    while index < octets.count {
      guard octets[index] == UInt8(ascii: "\\") else {
        result.append(octets[index])
        index += 1
        continue
      }
      let letter = octets[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0C)
      case UInt8(ascii: "n"): result.append(0x0A)
      case UInt8(ascii: "r"): result.append(0x0D)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = scalar(octets, &index) else { return nil }
        result.append(contentsOf: String(Character(scalar)).utf8)
      default: result.append(letter)
      }
    }
    return String(validating: result, as: UTF8.self)
  }

  /// The scalar whose digits begin at `index`, which goes on behind them.
  private static func scalar(
    _ octets: UnsafeBufferPointer<UInt8>, _ index: inout Int
  ) -> UnicodeScalar? {
    guard let first = unit(octets, index) else { return nil }
    index += 4
    guard (0xD800...0xDBFF).contains(first) else { return UnicodeScalar(first) }
    guard index + 6 <= octets.count, octets[index] == UInt8(ascii: "\\"),
      octets[index + 1] == UInt8(ascii: "u"), let second = unit(octets, index + 2),
      (0xDC00...0xDFFF).contains(second)
    else { return nil }
    index += 6
    return UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private static func unit(_ octets: UnsafeBufferPointer<UInt8>, _ index: Int) -> UInt32? {
    guard index + 4 <= octets.count else { return nil }
    var value: UInt32 = 0
    for octet in octets[index..<(index + 4)] {
      guard let digit = hexadecimal(octet) else { return nil }
      value = value << 4 | digit
    }
    return value
  }

  /// Whether an octet cannot stand in a string as it is.
  @inline(__always)
  static func isEscaped(_ octet: UInt8) -> Bool {
    octet < 0x20 || octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\")
  }

  /// Writes an octet that cannot stand in a string as it is.
  static func append(_ octet: UInt8, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\\"))
    switch octet {
    case 0x08: text.append(UInt8(ascii: "b"))
    case 0x0C: text.append(UInt8(ascii: "f"))
    case 0x0A: text.append(UInt8(ascii: "n"))
    case 0x0D: text.append(UInt8(ascii: "r"))
    case 0x09: text.append(UInt8(ascii: "t"))
    case 0..<0x20:
      text.append(contentsOf: "u00".utf8)
      for digit in [octet >> 4, octet & 0xF] {
        text.append(digit < 10 ? digit + 0x30 : digit - 10 + 0x61)
      }
    default: text.append(octet)
    }
  }
}
