import Testing

@testable import pbs_broker

/// DESIGN.md, invariant 4: when more than 20% and at least 10 of the known running jobs
/// vanish within one look, nothing counts until two further looks, 30 s apart, agree.
@Suite struct VanishGuardTests {
  /// Ids of so many jobs.
  private func jobs(_ count: Int) -> Set<String> {
    Set((0..<count).map { "\($0).pbsserver" })
  }

  @Test(arguments: [
    (0, 0, true), (0, 100, true), (1, 1, true), (9, 9, true), (10, 10, false), (10, 49, false),
    (10, 50, true),
    (11, 50, false), (20, 100, true), (21, 100, false), (100, 100, false),
  ])
  func doubtsAMassDisappearance(_ vanished: Int, _ known: Int, _ believes: Bool) {
    var vanishGuard = VanishGuard<String>()
    let believed = vanishGuard.believed(jobs(vanished), of: known, now: 0)
    #expect(believed == (believes ? jobs(vanished) : []))
    #expect(vanishGuard.isDoubting == !believes)
  }

  @Test(arguments: [
    (0.5, 2, 2, 4, true), (0.5, 2, 3, 4, false), (0, 1, 1, 1000, false), (1, 1, 1000, 1000, true),
  ])
  func theLimitsCanBeSet(
    _ share: Double, _ least: Int, _ vanished: Int, _ known: Int, _ believes: Bool
  ) {
    var vanishGuard = VanishGuard<String>(share: share, least: least)
    let believed = vanishGuard.believed(jobs(vanished), of: known, now: 0)
    #expect(believed == (believes ? jobs(vanished) : []))
  }

  /// Looks that all see 50 of 100 gone, in seconds; the last one alone is believed.
  @Test(arguments: [
    [0, 30, 60], [0, 1, 2, 29, 30, 31, 59, 60], [0, 45, 50, 74, 75], [1000, 4600, 8200],
  ])
  func twoFurtherLooksApartConvince(_ looks: [Double]) {
    var vanishGuard = VanishGuard<String>()
    let believed = looks.map { vanishGuard.believed(jobs(50), of: 100, now: $0) }
    #expect(believed == looks.dropLast().map { _ in [] } + [jobs(50)])
    #expect(!vanishGuard.isDoubting)
  }

  @Test func theNextDisappearanceIsDoubtedAnew() {
    var vanishGuard = VanishGuard<String>()
    let believed = [0.0, 30, 60, 61].map { vanishGuard.believed(jobs(50), of: 100, now: $0) }
    #expect(believed == [[], [], jobs(50), []])
  }

  @Test func podsThatGoByThemselvesDoNotEndTheDoubtOfOthers() {
    var vanishGuard = VanishGuard<String>()
    let looks = [(12, 0.0), (9, 10), (1, 30), (1, 59), (1, 60)]
    let believed = looks.map { vanishGuard.believed(jobs($0.0), of: 50, now: $0.1) }
    #expect(believed == [[], [], [], [], jobs(1)])
  }

  @Test func whatVanishesLaterIsDoubtedForItself() {
    var vanishGuard = VanishGuard<String>()
    let looks = [(12, 0.0), (12, 30), (40, 59), (40, 60), (28, 61), (28, 89), (28, 119)]
    let later = jobs(40).subtracting(jobs(12))
    let believed = looks.map { count, now in
      vanishGuard.believed(count == 28 ? later : jobs(count), of: 50, now: now)
    }
    #expect(believed == [[], [], [], jobs(12), [], [], later])
  }

  @Test func oneThatVanishesByItselfIsBelievedAlthoughFewOthersAreDoubted() {
    var vanishGuard = VanishGuard<String>()
    let few = vanishGuard.believed(jobs(12), of: 50, now: 0).union(
      vanishGuard.believed(jobs(3).union(["77.pbsserver"]), of: 41, now: 1))
    #expect(few == ["77.pbsserver"])
    #expect(vanishGuard.isDoubting)
  }

  @Test func jobsThatAreBackEndTheDoubt() {
    var vanishGuard = VanishGuard<String>()
    let looks = [(50, 0.0), (50, 30), (0, 59), (50, 60), (50, 90), (50, 120)]
    let believed = looks.map { vanishGuard.believed(jobs($0.0), of: 100, now: $0.1) }
    #expect(believed == [[], [], [], [], [], jobs(50)])
    #expect(!vanishGuard.isDoubting)
  }

  /// PBS has lost its jobs and counts anew: one id is another pod's by now, and of all others its
  /// answer cannot be read for a while.
  @Test func silenceAboutTheOthersEndsNoDoubt() {
    var vanishGuard = VanishGuard<String>()
    let others = jobs(50).subtracting(jobs(1))
    #expect(vanishGuard.believed(jobs(50), of: 50, now: 0) == [])
    #expect(vanishGuard.believed([], untold: jobs(50), of: 50, now: 1) == [])
    #expect(vanishGuard.believed(jobs(1), untold: others, of: 50, now: 2) == [])
    #expect(vanishGuard.believed(jobs(50), of: 50, now: 30) == [])
    #expect(vanishGuard.believed(jobs(50), of: 50, now: 60) == jobs(50))
  }

  @Test func whatIsUntoldCountsTowardsAMassButIsNotGone() {
    var vanishGuard = VanishGuard<String>()
    let untold = jobs(20).subtracting(jobs(1))
    #expect(vanishGuard.believed(jobs(1), untold: untold, of: 20, now: 0) == [])
    #expect(vanishGuard.isDoubting)
    // The others are told of again: now it is one that ended by itself.
    #expect(vanishGuard.believed(jobs(1), of: 20, now: 30) == [])
    #expect(vanishGuard.believed(jobs(1), of: 20, now: 60) == jobs(1))
  }
}
