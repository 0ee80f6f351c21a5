import FoundationEssentials
import Testing

@testable import JSONCoding

struct JSONDocumentTests {
  /// Any JSON value, as a decoder of Foundation's or ours gives it.
  private enum Sample: Decodable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case array([Sample])
    case object([String: Sample])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let bool = try? value.decode(Bool.self) {
        self = .bool(bool)
      } else if let integer = try? value.decode(Int.self) {
        self = .integer(integer)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else if let array = try? value.decode([Sample].self) {
        self = .array(array)
      } else {
        self = .object(try value.decode([String: Sample].self))
      }
    }
  }

  /// Read, or refused, as by Foundation's JSONDecoder.
  @Test(arguments: [
    "{}", "[]", " [ ] ", "null", "true", "0", "-0", "-1.5", "1e3", "1E+2", "1.0", "0.25e-1",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e400", "12345678901",
    #""""#, #""a""#, #""a b c d e f g h i j k l m n""#, #""\"\\\/\b\f\n\r\t""#, #""\u0041\u00e9""#,
    #""\ud83d\ude00""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx""#, #""\ud83d\u0041""#, #""é😀""#,
    #"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#, #"{"a":1,"a":2}"#, #"{"\u0061":1}"#,
    #"{"":1}"#, "\t{\r\n\"a\" : [ 1 , 2 ] }\n", #"[[[[1]]]]"#,
    "", " ", "{", "}", "[", "]", "[1", "[1,", "[,1]", "[1 2]", #"{"a"}"#, #"{"a":}"#,
    #"{a:1}"#, #"{"a":1 "b":2}"#, "tru", "truee", "nul", "nulll", "01", "-", "+1",
    ".5", "1.", "1.e2", "1e", "1e+", "--1", "0x10", "NaN", "Infinity", #"""#, #""a"#, #""\"#,
    #""\x""#, #""\u12""#, #""\u12g4""#, "\"a\nb\"", "\"a\tb\"", "'a'", "{} {}", "1 1", "[1]]",
    "/**/1", "\u{FEFF}1x",
  ])
  func agreesWithFoundation(_ text: String) {
    let theirs = try? JSONDecoder().decode(Sample.self, from: Data(text.utf8))
    let ours = try? JSONDocument.decode(Sample.self, from: Data(text.utf8))
    #expect(ours == theirs)
  }

  /// What Foundation's JSONDecoder takes although it is not JSON.
  @Test(arguments: ["[1,]", #"{"a":1,}"#, #"{"a":[1 , ]}"#])
  func refusesACommaBehindTheLast(_ text: String) {
    #expect(throws: DecodingError.self) { try JSONDocument(Data(text.utf8)) }
  }

  @Test(arguments: [511, 512, 513, 100_000])
  func boundsTheContainersWithinEachOther(_ depth: Int) {
    let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(((try? JSONDocument(Data(text.utf8))) != nil) == (depth <= JSONScanner.depthLimit))
  }

  private struct Other: Decodable { var b: Int }

  /// A string that is not UTF-8 is refused where it is asked for.
  @Test func refusesOtherEncodings() throws {
    let text = Data(#"{"a":""#.utf8) + [0xC3, 0x28] + Data(#"","b":1}"#.utf8)
    let document = try JSONDocument(text)
    #expect(try document.decode(Other.self).b == 1)
    #expect(throws: DecodingError.self) { try document.decode([String: String].self) }
    #expect(document.text("a") == nil)
  }

  @Test(arguments: [
    ("type", "bind"), ("owner", "host-1"), ("id", nil), ("none", nil), ("null", nil),
  ])
  func tellsAMembersText(_ name: String, _ text: String?) throws {
    let json = #"{"id":7,"null":null,"owner":"host-1","type":"bind","type":"evict"}"#
    #expect(try JSONDocument(Data(json.utf8)).text(name) == text)
  }

  @Test(arguments: ["[]", "1", #""type""#])
  func tellsNoMemberOfWhatIsNoObject(_ json: String) throws {
    #expect(try JSONDocument(Data(json.utf8)).text("type") == nil)
  }

  private struct Thing: Decodable {
    struct Part: Decodable { var size: Int8 }
    var name: String
    var parts: [Part]?
  }

  /// An error names the way to its value.
  @Test(arguments: [
    (#"{"name":"a","parts":[{"size":1},{"size":"x"}]}"#, "parts.Index 1.size"),
    (#"{"name":"a","parts":[{"size":1},{"size":300}]}"#, "parts.Index 1.size"),
    (#"{"name":"a","parts":[{"size":null}]}"#, "parts.Index 0.size"),
    (#"{"name":"a","parts":[{}]}"#, "parts.Index 0"), (#"{"name":"a","parts":{}}"#, "parts"),
    (#"{"parts":[]}"#, ""), ("[]", ""),
  ])
  func namesTheWay(_ json: String, _ path: String) {
    let error = #expect(throws: DecodingError.self) {
      try JSONDocument.decode(Thing.self, from: Data(json.utf8))
    }
    let context: DecodingError.Context? =
      switch error {
      case .typeMismatch(_, let context), .valueNotFound(_, let context),
        .keyNotFound(_, let context), .dataCorrupted(let context):
        context
      default: nil
      }
    #expect(context?.codingPath.map(\.stringValue).joined(separator: ".") == path)
  }

  /// Thousands of members cost what they are, and not as many looks for each question.
  @Test func findsMembersAmongMany() throws {
    let members = (0..<50_000).map { #""k\#($0)":{"size":\#($0 % 100)}"# }
    let json = Data("{\(members.joined(separator: ","))}".utf8)
    let parts = try JSONDocument.decode([String: Thing.Part].self, from: json)
    #expect(parts.count == 50_000)
    #expect(parts["k49999"]?.size == 99)
  }

  @Test func keepsTheTextOfAShareOfData() throws {
    let whole = Data(#"xx{"a":"b"}yy"#.utf8)
    let document = try JSONDocument(whole.dropFirst(2).dropLast(2))
    #expect(document.description == #"{"a":"b"}"#)
    #expect(document.text("a") == "b")
  }
}
