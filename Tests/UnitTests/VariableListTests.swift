import Testing

@testable import pbs_broker

@Suite struct VariableListTests {
  private static func items(_ text: String) -> [String] {
    var text = text
    var items: [String] = []
    text.withUTF8 {
      VariableList.forEach(UnsafeRawBufferPointer($0)) {
        items.append("\(String(flat: $0)) is \(String(flat: $1))")
      }
    }
    return items
  }

  @Test(arguments: [
    ("", []), ("A=1", ["A is 1"]), ("A=1,B=2", ["A is 1", "B is 2"]), ("A=", ["A is "]),
    ("A=x=y,B=2", ["A is x=y", "B is 2"]),
    // A comma in a value is escaped by PBS, a backslash as well.
    (#"A=x\,y,B=2"#, ["A is x,y", "B is 2"]), (#"A=x\\,B=2"#, [#"A is x\"#, "B is 2"]),
    (#"A\=B=2,\C=3"#, ["A=B is 2", "C is 3"]), (#"A=x\"#, ["A is x"]),
    ("A,B=2", ["B is 2"]), (",,=,", [" is "]), ("A=é,B=2", ["A is é", "B is 2"]),
  ])
  func isCutAtItsCommas(_ list: String, _ items: [String]) {
    #expect(Self.items(list) == items)
  }

  @Test(arguments: [
    ("5.pbsserver", true), ("123456789012.pbsserver", true), ("1234567890123.pbsserver", false),
    ("05.pbsserver", false), ("0.pbsserver", true), ("5.pbsserver.example", false),
    ("5.other", false), ("5", false), ("", false), (".pbsserver", false), ("x5.pbsserver", false),
    ("5[].pbsserver", true), ("5[3].pbsserver", true), ("5.pbsserver\n", false),
  ])
  func aServersJobs(_ id: String, _ isIts: Bool) {
    #expect(ServerOfJobs("pbsserver").has(id) == isIts)
    #expect(!ServerOfJobs().has("5.pbsserver") && !ServerOfJobs("a b").has("5.a b"))
  }
}
