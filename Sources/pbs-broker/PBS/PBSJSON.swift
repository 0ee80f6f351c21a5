import FoundationEssentials
import Shared

/// A value of PBS's JSON output, with every scalar as text.
///
/// qstat prints values that look like numbers bare: a job named 007 becomes `007`, one named
/// inf `inf`, which is not JSON at all. So every bare scalar is put in quotes first.
indirect enum PBSJSON: Decodable, Sendable, Equatable {
  case text(String)
  case object([String: PBSJSON])
  case list([PBSJSON])

  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.container(keyedBy: AnyKey.self) {
      var members: [String: PBSJSON] = [:]
      for key in container.allKeys {
        members[key.stringValue] = try container.decode(PBSJSON.self, forKey: key)
      }
      self = .object(members)
    } else if var container = try? decoder.unkeyedContainer() {
      var items: [PBSJSON] = []
      while !container.isAtEnd { items.append(try container.decode(PBSJSON.self)) }
      self = .list(items)
    } else {
      let container = try decoder.singleValueContainer()
      self = container.decodeNil() ? .text("") : .text(try container.decode(String.self))
    }
  }

  /// Reads a command's output.
  /// - Throws: `DecodingError` when it is not whole.
  static func parse(_ output: Data) throws -> PBSJSON {
    try JSONDecoder().decode(PBSJSON.self, from: quoted(output))
  }

  subscript(key: String) -> PBSJSON? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }

  var text: String? {
    guard case .text(let text) = self else { return nil }
    return text
  }

  var members: [String: PBSJSON] {
    guard case .object(let members) = self else { return [:] }
    return members
  }

  var items: [PBSJSON] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  /// Puts quotes around every bare scalar: after a key's colon or in a list, outside of strings.
  private static func quoted(_ output: Data) -> Data {
    var result = Data(capacity: output.count + output.count / 16)
    var inString = false
    var isEscaped = false
    var inScalar = false
    func isStructural(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
        UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
        true
      default: false
      }
    }
    let quote = UInt8(ascii: "\"")
    for byte in output {
      if inString {
        result.append(byte)
        if isEscaped { isEscaped = false } else if byte == UInt8(ascii: "\\") { isEscaped = true } else if byte == quote { inString = false }
        continue
      }
      if inScalar, isStructural(byte) {
        result.append(quote)
        inScalar = false
      } else if !inScalar, byte == quote {
        inString = true
      } else if !inScalar, !isStructural(byte) {
        result.append(quote)
        inScalar = true
      }
      result.append(byte)
    }
    return result
  }
}
