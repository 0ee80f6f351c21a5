import Testing

@testable import binder

/// How often a waiting pod's condition is written.
@Suite struct ReportBudgetTests {
  private var budget = ReportBudget()

  private mutating func write(
    _ message: String, job: String? = "5.s", at now: Double, uid: String = "uid-1"
  ) -> ReportBudget.Verdict {
    let verdict = budget.judge(uid, job: job, message: message, now: now)
    if verdict == .write { budget.wrote(uid, job: job, message: message, now: now) }
    return verdict
  }

  @Test mutating func aChangingNumberIsWrittenOnceIn5Minutes() {
    expect(write("Insufficient ncpus (A: 15)", at: 0), is: .write)
    expect(write("Insufficient ncpus (A: 14)", at: 1), is: .onlyNumbers)
    expect(write("Insufficient ncpus (A: 9)", at: 299), is: .onlyNumbers)
    expect(write("Insufficient ncpus (A: 10)", at: 300), is: .write)
    expect(write("Insufficient ncpus (A: 11)", at: 301), is: .onlyNumbers)
  }

  @Test mutating func theSameWordsMayAlwaysBeLookedAt() {
    expect(write("held", at: 0), is: .write)
    expect(
      (1...20).allSatisfy {
        budget.judge("uid-1", job: "5.s", message: "held", now: Double($0)) == .write
      }, is: true)
  }

  @Test mutating func otherWordsAreABurstAndThenOneAMinute() {
    let written = (1...600).count {
      write(String(repeating: "x", count: $0), at: Double($0)) == .write
    }
    #expect(written == 14, "5 and one for each of 9 or 10 minutes")
    expect(write("another pod's", at: 600, uid: "uid-2"), is: .write)
  }

  @Test mutating func anotherJobsWordsAreNews() {
    expect(write("job 5.s: queued", job: "5.s", at: 0), is: .write)
    expect(write("job 6.s: queued", job: "6.s", at: 1), is: .write)
    expect(write("job 6.s: queued", job: nil, at: 2), is: .write)
  }

  @Test func whatIsRememberedHasABound() {
    var limits = ReportBudget.Limits()
    limits.pods = 10
    var budget = ReportBudget(limits: limits)
    for pod in 0..<1000 { budget.wrote("\(pod)", job: nil, message: "", now: 0) }
    #expect(budget.remembered <= 10)
  }
}
