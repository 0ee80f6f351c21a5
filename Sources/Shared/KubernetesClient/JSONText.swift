import FoundationEssentials
import Startup

/// A piece of JSON of any shape, as its text.
struct JSONText: Sendable, Equatable {
  let text: String

  private init(_ text: String) {
    self.text = text
  }

  /// What is JSON already: a number, true, false or null.
  static func literal(_ text: String) -> JSONText {
    JSONText(text)
  }

  static func text(_ text: String) -> JSONText {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        result += "\\"
        result.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return JSONText(result + "\"")
  }

  static func object(_ members: [(String, JSONText)]) -> JSONText {
    JSONText("{" + members.map { "\(text($0).text):\($1.text)" }.joined(separator: ",") + "}")
  }

  static func array(_ items: [JSONText]) -> JSONText {
    JSONText("[" + items.map(\.text).joined(separator: ",") + "]")
  }

  /// A YAML value in JSON: what stands without quotes is a number, true or false where it
  /// reads as one in JSON, else a text.
  init(_ value: YAMLValue) {
    switch value {
    case .null: self = .literal("null")
    case .scalar(let text, let isPlain):
      self = isPlain && Self.isLiteral(text) ? .literal(text) : .text(text)
    case .sequence(let items): self = .array(items.map(JSONText.init))
    case .mapping(let pairs): self = .object(pairs.map { ($0.key, JSONText($0.value)) })
    }
  }

  private static func isLiteral(_ text: String) -> Bool {
    if text == "true" || text == "false" { return true }
    guard let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first)
    else { return false }
    return (try? JSONDecoder().decode([Double].self, from: Data("[\(text)]".utf8)))?.count == 1
  }
}
