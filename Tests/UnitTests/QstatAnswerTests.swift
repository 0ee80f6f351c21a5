import FoundationEssentials
import Testing

@testable import pbs_broker

/// Whom an answer of qstat may speak for.
@Suite struct QstatAnswerTests {
  private static func answer(_ text: String, asked: Set<String>) -> QstatAnswer {
    QstatAnswer(Data(text.utf8), asked: asked)
  }

  private static func object(_ id: String, state: String = "Q") -> String {
    "Job Id: \(id)\n    job_state = \(state)\n\n"
  }

  @Test func aJobThatComesTwiceIsNotBelieved() {
    let text = Self.object("1.s") + Self.object("2.s") + Self.object("1.s", state: "F")
    let answer = Self.answer(text, asked: ["1.s", "2.s"])
    #expect(answer.jobs.map(\.id) == ["2.s"])
    #expect(answer.unreadable == ["1.s"])
  }

  @Test func aJobThatWasNotAskedForIsAStranger() {
    let answer = Self.answer(Self.object("1.s") + Self.object("2.s"), asked: ["1.s"])
    #expect(answer.jobs.map(\.id) == ["1.s"])
    #expect(answer.strangers == ["2.s"])
    #expect(answer.told == ["1.s"])
  }

  /// As a qstat without -w prints it: the forged job is not believed, and neither is the forger's.
  @Test(arguments: ["1.s", "7.s"])
  func aForgedJobHarmsNoOther(_ victim: String) {
    let forged =
      "Job Id: 2.s\n    job_state = R\n    Variable_List = A=x\n\n"
      + Self.object(victim, state: "F") + "    more = of the forger's\n\n"
    let text = Self.object("1.s") + forged + Self.object("3.s")
    let answer = Self.answer(text, asked: ["1.s", "2.s", "3.s"])
    #expect(answer.jobs.allSatisfy { $0.state != .finished })
    #expect(answer.jobs.map(\.id).contains("3.s"))
    if victim == "1.s" {
      #expect(answer.unreadable == ["1.s"])
    } else {
      #expect(answer.strangers == ["7.s"])
    }
  }

  @Test func whatHasNoStateIsUnreadable() {
    let text = Self.object("1.s", state: "Z") + Self.object("2.s")
    let answer = Self.answer(text, asked: ["1.s", "2.s"])
    #expect(answer.unreadable == ["1.s"])
    #expect(answer.jobs.map(\.id) == ["2.s"])
  }
}
