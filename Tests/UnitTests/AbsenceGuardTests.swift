import Testing

@testable import pbs_broker

/// Pods that are missing in numbers are doubted until they are back or an administrator confirms it.
@Suite struct AbsenceGuardTests {
  private static func pods(_ range: Range<Int>) -> Set<String> { Set(range.map { "uid-\($0)" }) }
  private static func pods(_ count: Int) -> Set<String> { pods(0..<count) }

  /// Missing, of all, and whether that is doubted: more than a fifth, and ten at least.
  @Test(arguments: [
    (0, 0, false), (1, 1, false), (9, 9, false), (10, 10, true), (10, 49, true), (10, 50, false),
    (20, 100, false), (21, 100, true),
  ])
  func manyAtOnceAreDoubted(_ missing: Int, _ total: Int, _ isDoubted: Bool) {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    expect(absence.judge(Self.pods(missing), of: total), is: isDoubted)
    #expect(absence.doubted == (isDoubted ? Self.pods(missing) : []))
  }

  @Test func doubtLastsAndIsSaidOnce() {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    let said = (0..<5).map { _ in absence.judge(Self.pods(12), of: 12) }
    #expect(said == [true, false, false, false, false])
    #expect(absence.doubted == Self.pods(12))
  }

  @Test func thoseThatAreBackAreNotDoubtedAndTheOthersAreAllTheSame() {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    expect(absence.judge(Self.pods(12), of: 12), is: true)
    expect(absence.judge(Self.pods(3), of: 12), is: false)
    #expect(absence.doubted == Self.pods(3))
    expect(absence.judge([], of: 12), is: false)
    #expect(absence.doubted == [])
  }

  @Test func podsToldOneByOneAsMissingAreDoubtedTogether() {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    let said = (1...12).map { absence.judge(Self.pods($0), of: 12) }
    #expect(said.indices.filter { said[$0] } == [9])
    #expect(absence.doubted == Self.pods(12))
  }

  @Test func whatIsConfirmedIsNotDoubtedAgainUntilItWasBack() {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    expect(absence.judge(Self.pods(12), of: 30), is: true)
    expect(absence.confirm(), is: Self.pods(12))
    #expect(absence.doubted == [])
    expect(absence.judge(Self.pods(12), of: 30), is: false)
    // Others that are missing now are others.
    expect(absence.judge(Self.pods(24), of: 30), is: true)
    #expect(absence.doubted == Self.pods(12..<24))
    expect(absence.judge([], of: 30), is: false)
    expect(absence.judge(Self.pods(12), of: 30), is: true)
  }

  @Test func thereMayBeNothingToConfirm() {
    var absence = AbsenceGuard(share: 0.2, least: 10)
    expect(absence.confirm(), is: [])
    expect(absence.judge(Self.pods(12), of: 12), is: true)
  }
}
