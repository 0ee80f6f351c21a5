import Testing

@testable import pbs_broker

/// No minute has more connections than are allowed, and none is wasted by a standstill.
@Suite struct ConnectionBudgetTests {
  /// The moments of so many commands that follow each other as fast as they may.
  private static func moments(
    _ count: Int, _ budget: inout ConnectionBudget, _ use: ConnectionUse = .action
  ) -> [Double] {
    var now = 1000.0
    return (0..<count).map { _ in
      now = budget.take(1, for: use, now: now)
      return now
    }
  }

  @Test func sharesAreAThirdAndTheRest() {
    let budget = ConnectionBudget(limit: 120)
    #expect(budget.share(of: .look) == 40 && budget.share(of: .action) == 80)
    let least = ConnectionBudget(limit: 0)
    #expect(least.share(of: .look) == 1 && least.share(of: .action) == 1)
  }

  @Test func theFirstHalfIsTakenAtOnce() {
    var budget = ConnectionBudget(limit: 120)
    let moments = Self.moments(41, &budget)
    #expect(moments[39] == 1000)
    #expect(moments[40] > 1000)
  }

  @Test(arguments: [2, 3, 10, 120, 400])
  func noMinuteHasMoreThanTheShare(_ limit: Int) {
    var budget = ConnectionBudget(limit: limit)
    let share = budget.share(of: .action)
    let moments = Self.moments(share * 5, &budget)
    for (index, moment) in moments.enumerated() where index >= share {
      #expect(moment - moments[index - share] >= ConnectionBudget.window - 1e-9)
    }
    #expect(moments == moments.sorted())
    // Five shares do not take much more than five minutes.
    #expect(moments[moments.count - 1] - 1000 <= 6 * ConnectionBudget.window)
  }

  @Test func aBurstIsFollowedBySlowGoingNotByAStandstill() {
    var budget = ConnectionBudget(limit: 120)
    let moments = Self.moments(400, &budget)
    let longest = zip(moments, moments.dropFirst()).map { $1 - $0 }.max() ?? 0
    #expect(longest <= 2)
  }

  @Test func oneUseDoesNotStarveTheOther() {
    var budget = ConnectionBudget(limit: 120)
    _ = Self.moments(80, &budget)
    #expect(budget.take(1, for: .look, now: 1000) == 1000)
  }

  @Test func aCommandOfManyConnectionsWaitsForAllOfThem() {
    var budget = ConnectionBudget(limit: 30)
    #expect(budget.take(10, for: .look, now: 0) == 0)
    #expect(budget.take(10, for: .look, now: 1) == 60)
    // More than there ever are count as all there are.
    #expect(budget.take(100, for: .look, now: 200) == 200)
    #expect(budget.take(1, for: .look, now: 201) == 260)
  }

  @Test func tellsWhatIsLeft() {
    var budget = ConnectionBudget(limit: 120)
    _ = budget.take(30, for: .look, now: 0)
    #expect(budget.left(for: .look, now: 1) == 10)
    budget.add(20, for: .look, now: 2)
    #expect(budget.left(for: .look, now: 2) == 0)
    #expect(budget.left(for: .look, now: 60.5) == 20)
    #expect(budget.left(for: .look, now: 62.5) == 40)
  }
}
