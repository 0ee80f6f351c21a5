import Testing

@testable import pbs_broker

/// Hints that have not been followed, and whether hints can be relied upon.
@Suite struct HintBookTests {
  @Test func eachJobIsNotedOnceAndTakenOnce() {
    var hints = HintBook()
    for job in ["1", "2", "1"] { expect(hints.note(job), is: true) }
    expect(hints.take(), is: ["1", "2"])
    expect(hints.take(), is: [])
  }

  @Test func thereIsRoomForSoMany() {
    var hints = HintBook()
    for number in 0..<HintBook.most { expect(hints.note("\(number)"), is: true) }
    expect(hints.note("one more"), is: false)
    expect(hints.note("7"), is: true, "it is there already")
    #expect(hints.jobs.count == HintBook.most)
    expect(hints.take().count, is: HintBook.most)
    expect(hints.note("one more"), is: true)
  }

  @Test func onlyHintsThatProvedTrueAreReliedUponForAWhile() {
    var hints = HintBook()
    #expect(!hints.isReliable(now: 0))
    expect(hints.note("1"), is: true)
    #expect(!hints.isReliable(now: 1))
    hints.proved(now: 10)
    #expect(hints.isReliable(now: 10) && hints.isReliable(now: 609))
    #expect(!hints.isReliable(now: 610))
    hints.proved(now: 700)
    #expect(hints.isReliable(now: 1299))
  }
}
