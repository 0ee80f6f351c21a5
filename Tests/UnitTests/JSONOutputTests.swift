import FoundationEssentials
import Kubernetes
import Messages
import Testing

@testable import JSONCoding
@testable import Wire

struct JSONOutputTests {
  private struct Everything: Codable, Equatable {
    enum Word: String, Codable { case one, two }
    struct Part: Codable, Equatable { var numbers: [Int] = [] }
    struct Nothing: Codable, Equatable {}

    var text = "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f} é😀\u{2028}"
    var empty = ""
    var yes = true
    var small: Int8 = -128
    var large: UInt64 = .max
    var number = -12.5
    var whole = 3.0
    var tiny = 1e-9
    var huge = 1e300
    var float: Float = 0.5
    var word = Word.two
    var missing: String?
    var optional: [String: String?] = ["a": nil, "b": "c"]
    var map = ["x\"y": "z", "": ""]
    var numbers = [1, 2, 3]
    var nested = [[[1], []], []]
    var parts = [Part(), Part(numbers: [4])]
    var byName = ["p": Part(numbers: [5])]
    var nothing = Nothing()
    var strings: [String?] = [nil, "s"]
  }

  @Test func isReadAsWhatWasWritten() throws {
    let json = try JSONOutput.encode(Everything())
    #expect(try JSONDecoder().decode(Everything.self, from: json) == Everything())
    #expect(try JSONDocument.decode(Everything.self, from: json) == Everything())
    let theirs = try JSONEncoder().encode(Everything())
    #expect(try JSONDocument.decode(Everything.self, from: theirs) == Everything())
  }

  /// Members stand in the order of their type, the message's own first.
  @Test func keepsTheOrder() throws {
    let pod = PodReference(uid: "u", namespace: "n", name: "p")
    let bind = BrokerMessage.bind(.init(pod: pod, node: "node1", job: "5.pbs", runCount: 1))
    #expect(
      String(decoding: try JSONOutput.encode(bind), as: UTF8.self)
        == #"{"type":"bind","pod":{"uid":"u","namespace":"n","name":"p"},"node":"node1","job":"5.pbs","runCount":1}"#
    )
    #expect(
      String(decoding: try JSONOutput.encode(ControlMessage.Ping(ownsUntil: 2)), as: UTF8.self)
        == #"{"type":"ping","ownsUntil":2}"#)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func refusesWhatIsNoNumber(_ number: Double) {
    #expect(throws: EncodingError.self) { try JSONOutput.encode([number]) }
  }

  private struct Odd: Encodable {
    enum Key: CodingKey { case a, b, c, d }

    func encode(to encoder: any Encoder) throws {
      var object = encoder.container(keyedBy: Key.self)
      var inner = object.nestedContainer(keyedBy: Key.self, forKey: .a)
      try inner.encode(1, forKey: .b)
      var list = inner.nestedUnkeyedContainer(forKey: .c)
      try list.encode(2)
      _ = list.nestedContainer(keyedBy: Key.self)
      try list.encodeNil()
      #expect(list.count == 3)
      try object.encodeNil(forKey: .b)
      try "s".encode(to: object.superEncoder(forKey: .c))
      // A second container of the same value goes on with it.
      var again = encoder.container(keyedBy: Key.self)
      try again.encode(true, forKey: .d)
    }
  }

  @Test func closesWhatWasOpened() throws {
    #expect(
      String(decoding: try JSONOutput.encode(Odd()), as: UTF8.self)
        == #"{"a":{"b":1,"c":[2,{},null]},"b":null,"c":"s","d":true}"#)
  }

  @Test func quotesAText() {
    #expect(JSONOutput.text("a\"b\\\n") == #""a\"b\\\n""#)
  }

  /// A frame whose object gets a member of its own.
  @Test func framesWithABeginning() {
    let object = Data(#"{"type":"pod"}"#.utf8)
    let beginning = Data(#"{"owner":"a","#.utf8)
    #expect(
      String(decoding: Frame.encode(object, beginningWith: beginning), as: UTF8.self)
        == "27 {\"owner\":\"a\",\"type\":\"pod\"}\n")
    #expect(
      String(decoding: Frame.encode(object), as: UTF8.self) == "15 {\"type\":\"pod\"}\n")
  }
}
