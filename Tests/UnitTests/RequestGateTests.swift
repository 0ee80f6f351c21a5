import Testing

@testable import Runtime
@testable import binder

/// When requests rest, and what is said of it.
@Suite struct RequestGateTests {
  /// Without jitter there is nothing to compare: `delay` is between half and all of the step.
  private var gate = RequestGate(jitter: Jitter(seed: 1))

  @Test mutating func aServerThatIsAwayIsAskedLessAndLess() {
    var now = 0.0
    var requests = 0
    var changes: [RequestGate.Change] = []
    // An hour.
    while now < 3600 {
      requests += 1
      if let change = gate.failed(.away, pod: "a", sent: now, now: now) { changes.append(change) }
      #expect(gate.mostAtOnce(64) == 1)
      now += gate.wait(now)
    }
    #expect(changes == [.began(.away)], "said once")
    #expect((120...250).contains(requests))
    expect(gate.answered(sent: now, now: now), is: .ended(now))
    #expect(gate.mostAtOnce(64) == 64 && gate.wait(now) == 0)
    _ = gate.failed(.away, pod: "a", sent: now, now: now)
    #expect(gate.wait(now) <= 1, "the wait starts anew")
  }

  @Test mutating func whatWasUnderWayWhenARestBeganIsNoNews() {
    expect(gate.failed(.away, pod: "a", sent: 0, now: 1), is: .began(.away))
    let wait = gate.wait(1)
    for pod in 0..<63 {
      expect(gate.failed(.away, pod: "\(pod)", sent: 0.5, now: 1), is: nil)
    }
    #expect(gate.wait(1) == wait)
    expect(gate.answered(sent: 0.5, now: 1.1), is: nil, "nor is an answer from before")
    #expect(gate.troubleSince == 1)
  }

  @Test(arguments: [(nil, 1.0), (5, 5), (300, 300)] as [(Double?, Double)])
  mutating func aBusyServerGetsTheRestItAsksFor(_ asked: Double?, _ wait: Double) {
    expect(gate.failed(.busy(asked), pod: "a", sent: 0, now: 0), is: .began(.busy(asked)))
    #expect(gate.wait(0) == wait)
  }

  @Test mutating func aBusyServerThatAsksForLittleGetsMore() {
    var now = 0.0
    for _ in 0..<20 {
      _ = gate.failed(.busy(1), pod: "a", sent: now, now: now)
      now += gate.wait(now)
    }
    _ = gate.failed(.busy(1), pod: "a", sent: now, now: now)
    #expect(gate.wait(now) >= 15)
  }

  /// A webhook of one namespace may fail for all that is done there.
  @Test mutating func oneFailingPodDoesNotHoldUpOthers() {
    for now in 0..<10 {
      expect(gate.failed(.failed, pod: "a", sent: Double(now), now: Double(now)), is: nil)
    }
    expect(gate.failed(.failed, pod: "b", sent: 10, now: 10), is: nil)
    #expect(gate.wait(10) == 0)
    expect(gate.failed(.failed, pod: "c", sent: 11, now: 11), is: .began(.failed))
    #expect(gate.wait(11) > 0)
  }

  @Test mutating func answersInBetweenClearTheSuspicion() {
    for now in 0..<30 {
      expect(gate.failed(.failed, pod: "\(now)", sent: Double(now), now: Double(now)), is: nil)
      expect(gate.answered(sent: Double(now), now: Double(now)), is: nil)
    }
  }

  @Test mutating func suspicionRestsForSecondsOnly() {
    var now = 0.0
    for pod in 0..<50 {
      _ = gate.failed(.failed, pod: "\(pod)", sent: now, now: now)
      #expect(gate.wait(now) < 5.01)
      now += gate.wait(now)
    }
  }

  @Test mutating func aRefusedCredentialIsSaidAndTimed() {
    _ = gate.failed(.away, pod: "a", sent: 0, now: 0)
    let now = gate.wait(0)
    expect(
      gate.failed(.unauthorized, pod: "a", sent: now, now: now), is: .began(.unauthorized),
      "also in the middle of other trouble")
    expect(gate.failed(.unauthorized, pod: "a", sent: now + 9, now: now + 9), is: nil)
    #expect(gate.refusedSince == now)
    _ = gate.failed(.away, pod: "a", sent: now + 40, now: now + 40)
    #expect(gate.refusedSince == nil, "whoever does not answer does not refuse")
  }
}
