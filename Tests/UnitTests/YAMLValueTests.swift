import Testing

@testable import Startup

/// YAML 1.1, as libyaml reads it.
@Suite struct YAMLValueTests {
  @Test(
    arguments: [
      ("", .null), ("# a comment", .null), ("~", .null), ("null", .null),
      ("a:", .mapping([("a", .null)])),
      ("a: ~", .mapping([("a", .null)])), (#"a: """#, .mapping([("a", .scalar(""))])),
      (#"a: "null""#, .mapping([("a", .scalar("null"))])),
      ("a: 1", .mapping([("a", .scalar("1"))])),
      ("a: 0010", .mapping([("a", .scalar("0010"))])),
      ("a: true", .mapping([("a", .scalar("true"))])),
      ("a: é", .mapping([("a", .scalar("é"))])),
      ("[1, two]", .sequence([.scalar("1"), .scalar("two")])),
      ("- 1\n- - 2", .sequence([.scalar("1"), .sequence([.scalar("2")])])), ("[]", .sequence([])),
      ("{}", .mapping([])),
      ("a: |\n  one\n  two\n", .mapping([("a", .scalar("one\ntwo\n"))])),
      (
        #"{"a": {"b": [true, null]}}"#,
        .mapping([("a", .mapping([("b", .sequence([.scalar("true"), .null]))]))])
      ),
      ("a: 1\na: 2", .mapping([("a", .scalar("1")), ("a", .scalar("2"))])),
      ("a: 1\n---\nb: 2", .mapping([("a", .scalar("1"))])),
      (
        "a: &x {b: 1}\nc: *x",
        .mapping([("a", .mapping([("b", .scalar("1"))])), ("c", .mapping([("b", .scalar("1"))]))])
      ),
      (
        "a: &x {b: 1, d: 2}\nc: {<<: *x, b: 3}",
        .mapping([
          ("a", .mapping([("b", .scalar("1")), ("d", .scalar("2"))])),
          ("c", .mapping([("b", .scalar("3")), ("d", .scalar("2"))])),
        ])
      ),
      (
        "c: {<<: [{a: 1}, {a: 2, b: 3}]}",
        .mapping([("c", .mapping([("a", .scalar("1")), ("b", .scalar("3"))]))])
      ),
      ("{\"<<\": 1}", .mapping([("<<", .scalar("1"))])),
    ] as [(String, YAMLValue)])
  func reads(_ text: String, _ value: YAMLValue) throws {
    #expect(try YAMLValue(parsing: text) == value)
  }

  /// Text, and the line of the error.
  @Test(arguments: [
    ("a: [1, 2", 2), ("a: 1\n b: 2", 2), ("a: 1\nb: \"open", 2), ("\tkey: 1", 1), ("a: b: c", 1),
    ("[a: 1]: 2\n[x]: 3", 1),
    ("? [a]\n: 1", 1),
  ])
  func namesTheLine(_ text: String, _ line: Int) {
    let error = #expect(throws: YAMLError.self) { try YAMLValue(parsing: text) }
    #expect(error?.line == line)
    #expect(error?.description.hasPrefix("line \(error?.line ?? 0): ") == true)
    #expect(error?.problem.isEmpty == false)
  }

  @Test(arguments: ["a: &x [*x]", "&x {a: *x}", "a: *x", "a: {<<: 1}"])
  func refusesAliasesThatStandForNothing(_ text: String) {
    #expect(throws: YAMLError.self) { try YAMLValue(parsing: text) }
  }

  @Test func refusesASmallTextThatIsAnEndlessDocument() {
    // "Billion laughs": each line is ten of the line before.
    let lines = (1...9).map { level in
      "a\(level): &a\(level) ["
        + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]"
    }
    let text = "a0: &a0 ha\n" + lines.joined(separator: "\n")
    let error = #expect(throws: YAMLError.self) { try YAMLValue(parsing: text) }
    #expect(error?.problem == "aliases make more than 200000 values of it")
  }

  @Test func refusesDeepNesting() {
    let text = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    let error = #expect(throws: YAMLError.self) { try YAMLValue(parsing: text) }
    #expect(error?.problem == "nested too deeply")
  }

  @Test func looksUpByKey() throws {
    let value = try YAMLValue(parsing: "a: 1\nb: [x, y]\nc: {d: 2}")
    #expect(value["a"]?.text == "1")
    #expect(value["b"]?.items?.compactMap(\.text) == ["x", "y"])
    #expect(value["c"]?["d"]?.text == "2")
    #expect(value["e"] == nil)
    #expect(value["a"]?["b"] == nil)
    #expect(value["a"]?.items == nil)
    #expect(value["b"]?.text == nil)
  }

  /// Random texts end in a value or an error.
  @Test func randomTextsNeverCrash() {
    let seed = Seed.forTest("YAMLValue, random texts")
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("ab: -[]{},\n\t'\"#&*!|>?%~\\\u{0}é".utf8)
    var values = 0
    var errors = 0
    for _ in 0..<2000 {
      let octets = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        alphabet.randomElement(using: &random)!
      }
      do throws(YAMLError) {
        _ = try YAMLValue(parsing: String(decoding: octets, as: UTF8.self))
        values += 1
      } catch {
        errors += 1
      }
    }
    #expect(values > 0 && errors > 0, "seed \(seed)")
  }
}
