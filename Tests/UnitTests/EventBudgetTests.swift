import Testing

@testable import Kubernetes
@testable import Messages
@testable import binder

/// Which Events are written, and which are counted or left out.
@Suite struct EventBudgetTests {
  private static let redis = PodReference(uid: "uid-1", namespace: "default", name: "redis")

  private static func budget(_ change: (inout EventBudget.Limits) -> Void = { _ in }) -> EventBudget
  {
    var limits = EventBudget.Limits()
    change(&limits)
    return EventBudget(limits: limits, sequence: 0)
  }

  @Test func theSameWordsAreOneEventWhoseCountIsWrittenSeldom() {
    var budget = Self.budget()
    func say(_ now: Double) -> EventBudget.Verdict {
      budget.judge(Self.redis, reason: "FailedScheduling", message: "job 5.s: held", now: now)
    }
    expect(say(0), is: .create(name: "redis.1"))
    expect((1...299).allSatisfy { say(Double($0)) == .repeated }, is: true)
    expect(say(300), is: .count(name: "redis.1", 301))
    expect(say(301), is: .repeated)
    expect(say(599), is: .repeated)
    expect(say(601), is: .count(name: "redis.1", 304))
  }

  @Test(arguments: [
    ("A: 15 of 16", "A: 14 of 16", true), ("job 5.pbs", "job 1234.pbs", true),
    ("1.5", "22.75", true),
    ("A: 15", "A:", false), ("A: 15", "B: 15", false), ("a1b", "a1c", false), ("1", "1 1", false),
    ("", "0", false),
  ])
  func numbersThatDifferAreTheSameWords(_ one: String, _ other: String, _ isSame: Bool) {
    #expect((MessageShape(one) == MessageShape(other)) == isSame)
    var budget = Self.budget()
    _ = budget.judge(Self.redis, reason: "R", message: one, now: 0)
    let verdict = budget.judge(Self.redis, reason: "R", message: other, now: 1)
    #expect((verdict == .repeated) == isSame)
  }

  @Test func otherWordsForOneReasonAreABurstAndThenFew() {
    var budget = Self.budget()
    func created(_ reason: String, _ range: ClosedRange<Int>, every seconds: Double) -> Int {
      range.count { number in
        let word = String(repeating: "x", count: number)
        let verdict = budget.judge(
          Self.redis, reason: reason, message: word, now: Double(number) * seconds)
        if case .create = verdict { return true }
        return false
      }
    }
    expect(created("FailedScheduling", 1...100, every: 0.1), is: 5)
    expect(created("JobSuspended", 101...101, every: 0.1), is: 1, "another reason has its own")
    // An hour of a new word each second: the burst, refilled by one every 5 min.
    expect(created("FailedScheduling", 200...3799, every: 1), is: 12)
  }

  @Test func aPodHasABudgetOverAllReasons() {
    var budget = Self.budget()
    let verdicts = (0..<100).map { number in
      budget.judge(
        Self.redis, reason: "R\(String(repeating: "x", count: number))", message: "", now: 0)
    }
    #expect(verdicts.count { $0 == .tooManyOfPod } == 75)
    let other = PodReference(uid: "uid-2", namespace: "default", name: "redis")
    expect(budget.judge(other, reason: "R", message: "", now: 0), is: .create(name: "redis.1a"))
  }

  @Test func eachNamespaceHasABudget() {
    var budget = Self.budget { $0.burst = 100 }
    func created(_ pods: Range<Int>, at now: Double) -> Int {
      pods.count { number in
        let pod = PodReference(uid: "\(number)", namespace: "default", name: "pod")
        if case .create = budget.judge(pod, reason: "Scheduled", message: "", now: now) {
          return true
        }
        return false
      }
    }
    expect(created(0..<1000, at: 0), is: 100)
    expect(created(1000..<2000, at: 1), is: 50)
    let pod = PodReference(uid: "2000", namespace: "default", name: "pod")
    expect(budget.judge(pod, reason: "Scheduled", message: "", now: 1), is: .tooMany)
    expect(
      budget.judge(pod, reason: "Scheduled", message: "", now: 2), is: .create(name: "pod.97"),
      "what was one too many is not taken for written")
    var other = pod
    other.namespace = "other"
    other.uid = "2001"
    expect(budget.judge(pod, reason: "Another", message: "", now: 2.5), is: .create(name: "pod.98"))
    expect(created(3000..<4000, at: 2.5), is: 73)
    expect(
      budget.judge(other, reason: "Scheduled", message: "", now: 2.5), is: .create(name: "pod.e2"))
  }

  @Test func anEventThatCouldNotBeWrittenIsWrittenAnew() {
    var budget = Self.budget()
    expect(
      budget.judge(Self.redis, reason: "R", message: "a", now: 0), is: .create(name: "redis.1"))
    budget.forget(Self.redis, reason: "R", message: "a")
    expect(
      budget.judge(Self.redis, reason: "R", message: "a", now: 1), is: .create(name: "redis.2"))
  }

  @Test func whatIsRememberedHasABound() {
    var budget = Self.budget {
      $0.pods = 10
      $0.interval = 0
      $0.messages = 4
    }
    for number in 0..<1000 {
      let pod = PodReference(uid: "\(number)", namespace: "default", name: "pod")
      _ = budget.judge(pod, reason: "R", message: "", now: 0)
      _ = budget.judge(
        Self.redis, reason: "R", message: String(repeating: "x", count: number), now: Double(number)
      )
    }
    #expect(budget.remembered.pods <= 10)
    #expect(budget.remembered.messages <= 13)
  }

  @Test func aLongNameLeavesRoomForTheEvents() {
    var budget = EventBudget(sequence: .max - 1)
    let pod = PodReference(
      uid: "u", namespace: "default", name: String(repeating: "a", count: 253))
    guard case .create(let name) = budget.judge(pod, reason: "R", message: "", now: 0) else {
      Issue.record("no Event")
      return
    }
    #expect(KubernetesName.isSubdomain(name))
  }
}
