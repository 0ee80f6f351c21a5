import FoundationEssentials
import Testing

@testable import pbs_broker

@Suite struct PBSTextTests {
  private static func parse(_ text: String) -> [PBSText.Object] {
    PBSText.parse(Data(text.utf8), prefix: "Job Id: ")
  }

  @Test func readsAttributes() throws {
    let object = try #require(PBSText.parse(QstatExcerpts.running, prefix: "Job Id: ").first)
    #expect(object.name == "2.pbsserver")
    #expect(object.isWhole)
    #expect(object.attributes.count == 18)
    #expect(object.attributes["exec_vnode"] == "(node1:ncpus=1:mem=655360kb)")
    #expect(object.attributes["resources_used.ncpus"] == "1")
    #expect(
      object.attributes["Submit_arguments"]
        == "-r n -N redis -l select=1:ncpus=1:mem=640mb -l walltime=01:00:00 -- /bin/sleep infinity"
    )
  }

  @Test func readsSeveralObjects() {
    let objects = PBSText.parse(QstatExcerpts.running + QstatExcerpts.finished, prefix: "Job Id: ")
    #expect(objects.map(\.name) == ["2.pbsserver", "3.pbsserver"])
    #expect(objects.map(\.isWhole) == [true, true])
  }

  @Test func readsHostsOfPBSNodes() {
    // pbsnodes -a: a host's name stands alone on its line.
    let output = """
      node1
           Mom = node1
           state = free
           resources_available.host = node1
           last_state_change_time = Tue Nov 24 03:16:39 2026

      node2
           Mom = node2.site.org
           state = state-unknown,down
           resources_available.host = node2


      """
    let nodes = PBSText.parse(Data(output.utf8), prefix: "")
    #expect(nodes.map(\.name) == ["node1", "node2"])
    #expect(nodes.map(\.isWhole) == [true, true])
    #expect(nodes[1].attributes["state"] == "state-unknown,down")
  }

  /// Output, and the attributes of its one object.
  @Test(arguments: [
    ("Job Id: 1.s\n    a = b\n\n", ["a": "b"]),
    ("Job Id: 1.s\n    a = \n\n", ["a": ""]),
    ("Job Id: 1.s\n    a = b = c\n\n", ["a": "b = c"]),
    // The first of each name counts, so that nothing in a later value can replace it.
    ("Job Id: 1.s\n    a = b\n    a = c\n\n", ["a": "b"]),
    // A line feed in a value is written like this.
    (
      #"Job Id: 1.s\#n    a = b\nJob Id: 2.s\n    job_state = F\#n\#n"#,
      ["a": #"b\nJob Id: 2.s\n    job_state = F"#]
    ),
    ("Job Id: 1.s\n    a = é\n\n", ["a": "é"]),
    // A carriage return before the line feed belongs to the value.
    ("Job Id: 1.s\n    a = b\r\n    c = d\n\n", ["a": "b\r", "c": "d"]),
    ("Job Id: 1.s\n    a = b\r\n\n", ["a": "b\r"]),
  ])
  func readsAnObject(_ output: String, _ attributes: [String: String]) {
    let objects = Self.parse(output)
    #expect(objects == [PBSText.Object(name: "1.s", attributes: attributes, isWhole: true)])
  }

  @Test(arguments: [
    "", "\n", "\n\n", "\tx\n", "    a = b\n\n", "qstat: some words\n", "Job Id: 1.s",
  ])
  func withoutAWholeFirstLineThereIsNoObject(_ output: String) {
    #expect(Self.parse(output).isEmpty)
  }

  // MARK: Output that was cut off

  @Test func cutOutputIsNeverTakenAsWhole() {
    for output in [QstatExcerpts.running, QstatExcerpts.finished] {
      for length in 0..<output.count {
        let whole = PBSText.parse(output.prefix(length), prefix: "Job Id: ").filter(\.isWhole)
        #expect(whole.isEmpty, "cut after \(length) of \(output.count) octets")
      }
      #expect(PBSText.parse(output, prefix: "Job Id: ").map(\.isWhole) == [true])
    }
  }

  @Test func whatStandsBeforeTheCutIsWhole() {
    let first = QstatExcerpts.running
    let output = first + QstatExcerpts.finished
    for length in first.count..<output.count {
      let objects = PBSText.parse(output.prefix(length), prefix: "Job Id: ")
      #expect(
        objects.filter(\.isWhole).map(\.name) == ["2.pbsserver"], "cut after \(length) octets")
    }
  }

  @Test(arguments: [
    ("", false), ("\n", true), ("Job Id: 1.s\n    a = b\n\n", false),
    ("Job Id: 1.s\n    a = b\n", true), ("Job Id: 1.s\n    a = b", true), ("words", true),
  ])
  func noticesThatOutputStops(_ output: String, _ isCut: Bool) {
    #expect(PBSText.isCut(Data(output.utf8)) == isCut)
  }

  @Test func aRecordingThatIsCutIsNeverTakenAsWhole() throws {
    let output = try RecordedAnswer("pbs/qstat-express-running.txt").standardOutput
    for length in 1..<output.count {
      let cut = output.prefix(length)
      #expect(PBSText.isCut(cut), "cut after \(length) of \(output.count) octets")
      #expect(PBSText.parse(cut, prefix: "Job Id: ").allSatisfy { !$0.isWhole })
    }
    let objects = PBSText.parse(output, prefix: "Job Id: ")
    #expect(objects.map(\.isWhole) == [true])
    #expect(objects.first?.attributes["Submit_Host"] == "pbsserver")
  }

  // MARK: What does not belong there

  /// A line that is none of an object's harms that object only: of a qstat that writes line feeds
  /// as they are, whatever a user wrote into a variable.
  @Test(arguments: [
    "    a = b\n\tcontinued\n", "    a = b\nJob Id: 3.s\n", "    a = b\nwords\n",
    "    no equals sign\n", "    a=b\n", "    a = b\n\nc\n", "    a = b\n\n    c = d\n",
    "    a = b\n\n\tc\n",
  ])
  func aLineThatDoesNotBelongDamagesItsObject(_ lines: String) {
    let before = "Job Id: 1.s\n    a = b\n\n"
    let after = "Job Id: 9.s\n    a = b\n\n"
    let objects = Self.parse(before + "Job Id: 2.s\n" + lines + "\n" + after)
    #expect(objects.filter(\.isWhole).map(\.name) == ["1.s", "9.s"])
  }

  @Test func aNewlineInAVariableIsNoLine() throws {
    let answer = try RecordedAnswer("pbs/qstat-express-newline.txt")
    let objects = PBSText.parse(answer.standardOutput, prefix: "Job Id: ")
    #expect(objects.map(\.name) == ["97.pbsserver"])
    #expect(objects[0].isWhole)
    #expect(objects[0].attributes["job_state"] == "H")
    #expect(objects[0].attributes["Variable_List"]?.contains(",B=2,") == true)
  }

  /// Random octets, and nearly right output, never crash.
  @Test func randomOctetsNeverCrash() {
    let seed = Seed.forTest("PBSText, random octets")
    var random = SeededGenerator(seed: seed)
    let pieces = [
      "Job Id: ", "1.s", "\n", "\n", "    ", "\t", " = ", "=", "a", ",", "\\", "é", "\r", "\u{0}",
    ]
    for round in 0..<2000 {
      let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        pieces.randomElement(using: &random)!
      }.joined()
      let objects = Self.parse(text)
      let starts = text.utf8.split(separator: 0x0A).count { $0.starts(with: "Job Id: ".utf8) }
      #expect(objects.count <= starts, "seed \(seed), round \(round)")
      for object in objects { _ = Job(object) }
    }
  }
}
