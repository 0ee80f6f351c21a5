import Testing

@testable import pbs_broker

/// Who brings nothing about loses its share to others, for a while.
@Suite struct BinderProgressTests {
  private var progress = BinderProgress(
    limits: .init(patience: 60, rest: 300, longestRest: 1000))

  /// The binders without a share after a look at "a" and "b".
  private mutating func aside(
    _ now: Double, waiting: [String: Double], connected: [String] = ["a", "b"]
  ) -> Set<String> {
    progress.aside(connected, waiting: waiting, now: now).all
  }

  @Test mutating func whoIsIdleWhileAnotherIsNotLosesItsShareAndGetsItBack() {
    progress.advanced("b", now: 50)
    expect(aside(59, waiting: ["a": 0]), is: [])
    let first = progress.aside(["a", "b"], waiting: ["a": 0], now: 60)
    #expect(first.all == ["a"] && first.new == ["a": 300])
    let second = progress.aside(["a", "b"], waiting: [:], now: 61)
    #expect(second.all == ["a"] && second.new.isEmpty, "said once")
    expect(aside(359, waiting: [:]), is: ["a"])
    expect(aside(360, waiting: [:]), is: [])
  }

  @Test mutating func itsRestGrowsAndStartsOverWithWhatItBringsAbout() {
    var now = 0.0
    var rests: [Double] = []
    for _ in 0..<4 {
      progress.advanced("b", now: now + 60)
      let new = progress.aside(["a", "b"], waiting: ["a": now], now: now + 60).new
      rests.append(new["a"] ?? 0)
      now += 60 + (new["a"] ?? 0)
    }
    #expect(rests == [300, 600, 1000, 1000])
    progress.advanced("a", now: now)
    progress.advanced("b", now: now + 60)
    #expect(progress.aside(["a", "b"], waiting: ["a": now], now: now + 60).new == ["a": 300])
  }

  @Test mutating func whoWorksKeepsItsShareHoweverMuchWaits() {
    for second in stride(from: 0.0, to: 1000, by: 30) {
      progress.advanced("a", now: second)
      progress.advanced("b", now: second)
      expect(aside(second, waiting: ["a": 0, "b": 0]), is: [])
    }
  }

  @Test mutating func whileNobodyBringsAnythingAboutNobodyIsToBlame() {
    expect(aside(1000, waiting: ["a": 0, "b": 0]), is: [])
    progress.advanced("b", now: 1000)
    expect(aside(1061, waiting: ["a": 0, "b": 1001]), is: [], "b is idle now, too")
  }

  @Test mutating func whoIsNotAskedCanBeGivenWhatWaits() {
    expect(aside(59, waiting: ["a": 0]), is: [])
    expect(aside(60, waiting: ["a": 0]), is: ["a"])
    expect(aside(130, waiting: ["b": 60]), is: ["a"], "nobody is left who could have it from b")
  }

  @Test mutating func theOnlyOneKeepsItsShare() {
    progress.advanced("b", now: 100)
    expect(aside(110, waiting: ["a": 0], connected: ["a"]), is: [])
  }

  @Test mutating func whoIsAskedForNothingIsNotIdle() {
    progress.advanced("b", now: 1000)
    expect(aside(1010, waiting: [:]), is: [])
  }

  @Test mutating func whoComesAgainUnderItsNameStillRests() {
    progress.advanced("b", now: 60)
    expect(aside(60, waiting: ["a": 0]), is: ["a"])
    expect(aside(70, waiting: [:], connected: ["b"]), is: [])
    expect(aside(80, waiting: [:]), is: ["a"])
    expect(aside(500, waiting: [:], connected: ["b"]), is: [])
  }
}
