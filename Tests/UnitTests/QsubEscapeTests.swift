import Testing

@testable import pbs_broker

@Suite struct QsubEscapeTests {
  @Test(arguments: [
    ("plain", "plain"), ("a,b", "a\\,b"), (",,", "\\,\\,"), ("", ""), ("a b", "a b"),
    // To a String, a comma and a combining mark are one Character.
    (",\u{301}LD_PRELOAD=x", "\\,\u{301}LD_PRELOAD=x"), ("a,\u{591},b", "a\\,\u{591}\\,b"),
  ])
  func noValueBecomesAnotherVariable(_ value: String, _ text: String) throws {
    let escaped = try #require(QsubArguments.escaped(value))
    #expect(Array(escaped.unicodeScalars) == Array(text.unicodeScalars))
  }

  @Test(arguments: ["a\nb", "\\", "\"", "'", "a ", "\u{7}", "a\u{85}b"])
  func whatQsubWouldNotCarryIsRefused(_ value: String) {
    #expect(QsubArguments.escaped(value) == nil)
  }
}
