import Testing

@testable import pbs_broker

/// Each has its turn in time, and none waits for all.
@Suite struct RoundsTests {
  @Test(arguments: [1, 3, 100, 1000]) func eachHasItsTurnInARound(_ count: Int) {
    let all = (0..<count).map(String.init)
    var rounds = Rounds(period: 100)
    var seen: [String: Int] = [:]
    var most = 0
    for step in 0...200 {
      let next = rounds.next(of: all, now: 50 + Double(step))
      most = max(most, next.count)
      for name in next { seen[name, default: 0] += 1 }
    }
    #expect(Set(seen.keys) == Set(all))
    #expect(seen.values.allSatisfy { (1...3).contains($0) })
    #expect(most <= count / 100 + 1)
  }

  @Test func aLongPauseIsOneRoundAtMost() {
    var rounds = Rounds(period: 100)
    #expect(rounds.next(of: ["a", "b"], now: 0).isEmpty)
    #expect(rounds.next(of: ["a", "b"], now: 1000).sorted() == ["a", "b"])
    #expect(rounds.next(of: ["a", "b"], now: 1001).isEmpty)
    // A clock that goes back is no reason for more.
    #expect(rounds.next(of: ["a", "b"], now: 10).isEmpty)
  }
}
