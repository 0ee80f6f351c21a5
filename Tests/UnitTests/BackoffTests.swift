import Testing

@testable import Runtime

@Suite struct BackoffTests {
  /// The steps in seconds: doubled up to the longest.
  @Test(arguments: [
    (1.0, 300.0, [1.0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
    (0.5, 30, [0.5, 1, 2, 4, 8, 16, 30, 30]),
    (0.1, 2, [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2]), (5, 5, [5, 5]),
  ])
  func growsToTheLongest(_ first: Double, _ longest: Double, _ steps: [Double]) {
    var backoff = Backoff(first: first, longest: longest, jitter: Jitter(seed: 1))
    for step in steps {
      let delay = backoff.delay()
      #expect(delay >= step * 0.499 && delay <= step * 1.001)
    }
  }

  @Test func startsOverAfterASuccess() {
    var backoff = Backoff(first: 1, longest: 300, jitter: Jitter(seed: 1))
    for _ in 0..<20 { _ = backoff.delay() }
    backoff.reset()
    #expect(backoff.delay() <= 1)
  }

  @Test func aSeedFixesTheDelays() {
    var one = Backoff(first: 1, longest: 300, jitter: Jitter(seed: 7))
    var other = Backoff(first: 1, longest: 300, jitter: Jitter(seed: 7))
    for _ in 0..<10 { #expect(one.delay() == other.delay()) }
  }

  @Test func manyDoNotComeBackTogether() {
    let delays = (0..<100 as Range<UInt64>).map { seed in
      var backoff = Backoff(first: 1, longest: 300, jitter: Jitter(seed: seed))
      return backoff.delay()
    }
    #expect(Set(delays).count > 90)
  }
}
