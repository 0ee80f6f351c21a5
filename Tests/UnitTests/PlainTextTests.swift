import Testing
import Text

@testable import Startup

/// What others say, on its way to logs, Events and conditions.
@Suite struct PlainTextTests {
  @Test(arguments: [
    ("Not Running: ncpus (R: 2 A: 1)", "Not Running: ncpus (R: 2 A: 1)"),
    ("größer, 日本語, 👩\u{200D}🔬", "größer, 日本語, 👩\\u{200d}🔬"),
    ("\u{1B}[2J\u{1B}[31mred", "\\u{1b}[2J\\u{1b}[31mred"),
    ("a\u{7F}\u{9B}31m", "a\\u{7f}\\u{9b}31m"),
    ("user \u{202E}gpj.exe", "user \\u{202e}gpj.exe"),
    ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
    ("a\u{200B}b\u{FEFF}", "a\\u{200b}b\\u{feff}"), ("a\u{2028}b\u{85}", "a\\u{2028}b\\u{85}"),
    ("one\ntwo\r\nthree\n\nfour\n", "one | two | three | four"), ("\n\n", ""), ("a\tb", "a b"),
    ("a\u{0}b", "a\\u{0}b"), ("", ""), ("a\\u{1b}", "a\\u{1b}"),
  ])
  func whatActsOnATerminalIsWrittenOut(_ text: String, _ escaped: String) {
    #expect(PlainText.escaped(text) == escaped)
  }

  @Test(arguments: [
    ("abcdef", 6, "abcdef"), ("abcdefg", 6, "abc..."), ("ééé", 6, "ééé"), ("éééé", 7, "éé..."),
    ("\u{1B}\u{1B}\u{1B}", 9, "\\u{1b}..."), ("日本語", 8, "日..."),
  ])
  func whatIsTooLongIsCutBetweenCharacters(_ text: String, _ limit: Int, _ cut: String) {
    #expect(PlainText.escaped(text, limit: limit) == cut)
  }

  @Test func anyTextEndsUpOnOneShortLine() {
    let seed = Seed.forTest("Plain text")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...80, using: &random) {
        let range: ClosedRange<UInt32> = Bool.random(using: &random) ? 0...0xFF : 0x2000...0x2070
        if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) {
          text.append(scalar)
        }
      }
      let escaped = PlainText.escaped(String(text), limit: 100)
      #expect(escaped.utf8.count <= 100, "seed \(seed)")
      #expect(PlainText.escaped(escaped) == escaped, "seed \(seed): nothing is left to be escaped")
    }
  }

  @Test func aLineOfTheLogIsEscapedAndHasAnEnd() {
    #expect(StandardError.line("binder: \u{1B}[0m\nroot:") == "binder: \\u{1b}[0m | root:")
    let long = StandardError.line(String(repeating: "x", count: 1_000_000))
    #expect(long.utf8.count == 16384 && long.hasSuffix("..."))
  }
}
