/// The id of a PBS job, "5.pbsserver"; "7[3].pbsserver" and "7[].pbsserver" of an array.
///
/// The only way from text that somebody else wrote (an annotation, a hint, a message) to a job:
/// what is not exactly of this form is no id, and what goes on to PBS is put together anew from
/// the parts. (PBS Professional Reference Guide, "Job Identifier".)
public struct JobID: Sendable, Hashable, CustomStringConvertible {
  /// The most octets of an id. (PBS_MAXSVRJOBID is 7 + 1 + 255 + some; longer ones are nobody's.)
  public static let limit = 255

  /// The number, 0 to 10^12 - 1 (PBS's max_job_sequence_id).
  public let sequence: Int
  /// What stands between the brackets of an array's id; nil for an ordinary job.
  public let index: Int?
  /// Whether it is an array as a whole ("7[]").
  public let isArray: Bool
  /// The server's name; empty where the text has none.
  public let server: String

  /// Reads an id; nil when the text is none.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    guard octets.count <= Self.limit else { return nil }
    let digits = octets.prefix(while: Self.isDigit)
    guard (1...12).contains(digits.count),
      let sequence = Int(String(decoding: digits, as: UTF8.self))
    else { return nil }
    var rest = octets.dropFirst(digits.count)
    var index: Int?
    var isArray = false
    if rest.first == UInt8(ascii: "[") {
      rest = rest.dropFirst()
      let inner = rest.prefix(while: Self.isDigit)
      guard inner.count <= 9 else { return nil }
      rest = rest.dropFirst(inner.count)
      guard rest.popFirst() == UInt8(ascii: "]") else { return nil }
      isArray = inner.isEmpty
      index = Int(String(decoding: inner, as: UTF8.self))
    }
    var server = ""
    if !rest.isEmpty {
      guard rest.popFirst() == UInt8(ascii: "."), let first = rest.first, Self.isOfName(first),
        first != UInt8(ascii: "-"), first != UInt8(ascii: "."), rest.allSatisfy(Self.isOfName)
      else { return nil }
      server = String(decoding: rest, as: UTF8.self)
    }
    self.sequence = sequence
    self.index = index
    self.isArray = isArray
    self.server = server
  }

  /// Put together from its parts.
  public var description: String {
    let inner = isArray ? "[]" : index.map { "[\($0)]" } ?? ""
    return "\(sequence)\(inner)" + (server.isEmpty ? "" : ".\(server)")
  }

  private static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

  private static func isOfName(_ octet: UInt8) -> Bool {
    isDigit(octet) || (0x41...0x5A).contains(octet & 0xDF) || ".-_".utf8.contains(octet)
  }
}
