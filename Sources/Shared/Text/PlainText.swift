/// Text of others (PBS's comments, an API server's words, a peer's message) on its way to people:
/// on one line, and without characters that act on a terminal or turn the order of the text.
public enum PlainText {
  /// The most octets of an Event's message. (kubernetes/pkg/apis/core/validation, NoteLengthLimit.)
  public static let eventLimit = 1024
  /// The most octets of a condition's message that the connector writes; the API allows more.
  public static let conditionLimit = 1024

  /// Line ends between other text become " | ", a tab a space; every other control character, and
  /// every format character of Unicode (among them those that turn text from right to left), is
  /// written as `\u{1b}`. All else stays as it is.
  public static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: acts) else { return text }
    var result = ""
    var isAtLineEnd = false
    for scalar in text.unicodeScalars {
      if scalar == "\n" || scalar == "\r" {
        isAtLineEnd = true
        continue
      }
      if isAtLineEnd, !result.isEmpty { result += " | " }
      isAtLineEnd = false
      if scalar == "\t" {
        result += " "
      } else if acts(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The same in at most `limit` octets of UTF-8: what is longer is cut between characters and
  /// ends in "...".
  public static func escaped(_ text: String, limit: Int) -> String {
    let escaped = escaped(text)
    guard escaped.utf8.count > limit else { return escaped }
    var result = ""
    var count = 3
    for character in escaped {
      count += character.utf8.count
      guard count <= limit else { break }
      result.append(character)
    }
    return result + "..."
  }

  /// A word of a peer within quotation marks, short enough for a log line.
  public static func quoted(_ text: String) -> String {
    "\"\(escaped(text, limit: 80))\""
  }

  private static func acts(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x7F { return scalar.value < 0x20 }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: return true
    default: return false
    }
  }
}
