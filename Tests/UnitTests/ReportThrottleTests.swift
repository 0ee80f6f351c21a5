import Testing

@testable import pbs_broker

/// How often a pod's owner is told something new.
@Suite struct ReportThrottleTests {
  /// Of texts, each every so many seconds, those that are told: their moments.
  private static func told(_ texts: [String], every seconds: Double) -> [Double] {
    var throttle = ReportThrottle()
    var moments: [Double] = []
    for (number, text) in texts.enumerated() {
      let now = Double(number) * seconds
      guard throttle.allows(text, now: now) else { continue }
      throttle.told(text, now: now)
      moments.append(now)
    }
    return moments
  }

  @Test func whatDiffersInNumbersOnlyIsToldEveryFiveMinutes() {
    let texts = (0...600).map { "Insufficient ncpus (R: 16 A: \($0) T: 16)" }
    #expect(Self.told(texts, every: 1) == [0, 300, 600])
  }

  @Test func whatReallyDiffersIsToldMoreAndMoreSeldom() {
    let texts = (0..<2000).map { $0 % 2 == 0 ? "Insufficient ncpus" : "Insufficient mem" }
    let moments = Self.told(texts, every: 1)
    let waits = zip(moments, moments.dropFirst()).map { $1 - $0 }
    #expect(moments.first == 0)
    #expect(waits.prefix(7).map { $0.rounded() } == [5, 11, 21, 41, 81, 161, 300])
    #expect(waits.dropFirst(6).allSatisfy { (300...302).contains($0) })
  }

  @Test func afterACalmTheNextIsToldSoonAgain() {
    var throttle = ReportThrottle()
    for (number, now) in [0.0, 5, 15, 35, 75].enumerated() {
      throttle.told(["a", "b"][number % 2], now: now)
    }
    #expect(!throttle.allows("b", now: 75 + 79))
    throttle.told("b", now: 75 + ReportThrottle.calm)
    #expect(!throttle.allows("a", now: 75 + 604))
    #expect(throttle.allows("a", now: 75 + 605))
  }

  @Test(arguments: [
    ("", ""), ("a", "a"), ("12", "#"), ("A: 12 B: 3", "A: # B: #"), ("1a2", "#a#"), ("#1", "#"),
    ("é٣", "é٣"),
  ])
  func eachRunOfDigitsCountsAsOne(_ text: String, _ expected: String) {
    #expect(ReportThrottle.withoutNumbers(text) == Array(expected.utf8))
  }
}
