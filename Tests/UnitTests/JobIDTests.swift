import Messages
import Testing

@Suite struct JobIDTests {
  @Test(arguments: [
    ("5.pbsserver", 5, "pbsserver"), ("5", 5, ""), ("7[3].pbs-1.site.org", 7, "pbs-1.site.org"),
    ("7[].pbsserver", 7, "pbsserver"), ("999999999999.x_y", 999_999_999_999, "x_y"),
  ])
  func isRead(_ text: String, _ sequence: Int, _ server: String) throws {
    let id = try #require(JobID(text))
    #expect(id.sequence == sequence)
    #expect(id.server == server)
    #expect(id.description == text)
  }

  @Test func aLeadingZeroIsNotKept() {
    #expect(JobID("05.pbsserver")?.description == "5.pbsserver")
  }

  @Test(arguments: [
    "", "workq", "hello", "-Q", "-1", "5.", "5.-x", "5..x", "5 ", " 5", "5.a b", "5.a\n", "5\u{0}",
    "5.a@b", "5[.x", "5[a].x", "5].x", "5[1]x", "\u{0665}", "5.ä", "1234567890123",
    "5." + String(repeating: "a", count: 254), "5.pbsserver,6.pbsserver", "5;6", "5.a/../b",
  ])
  func isNone(_ text: String) {
    #expect(JobID(text) == nil)
  }
}
