import Testing

@testable import Runtime
@testable import Wire

/// What a peer can cause as often as it likes is a few lines.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct RepeatedLineTests {
  @Test @EventLoop func theFirstIsWrittenAtOnceAndTheRestCounted() async throws {
    let log = LogLines()
    let lines = RepeatedLine(clock: SystemClock(), log: log.logger, interval: 0.2)
    for process in 1...1000 { lines.warn("process \(process) may not", cause: "user 5") }
    #expect(log.all == ["warning: process 1 may not"])
    let began = SystemClock().now
    while log.all.count < 2, SystemClock().now - began < 30 {
      try await SystemClock().sleep(seconds: 0.01)
    }
    let summary = "warning: process 1000 may not; 999 such lines were left out in 0.2 s"
    #expect(log.all == ["warning: process 1 may not", summary])
  }

  @Test func eachCauseHasItsOwnLines() {
    var counts = LineCounts(burst: 2)
    var written: [String] = []
    for _ in 1...5 {
      for text in ["one", "two"] where counts.add(text, cause: "user \(text)") {
        written.append(text)
      }
    }
    #expect(written == ["one", "two", "one", "two"])
    let sums = counts.endInterval()
    #expect(sums.map(\.last) == ["one", "two"] && sums.map(\.leftOut) == [3, 3])
  }

  /// A cause that goes on has one line an interval; one that has ended begins anew.
  @Test func whatGoesOnIsSummedUpAndWhatHasEndedIsForgotten() {
    var counts = LineCounts(burst: 1)
    expect(counts.add("a", cause: "a"), is: true)
    expect(counts.add("a", cause: "a"), is: false)
    expect(counts.endInterval().map(\.leftOut), is: [1])
    expect(counts.add("a", cause: "a"), is: false)
    expect(counts.endInterval().map(\.leftOut), is: [1])
    #expect(!counts.isEmpty)
    expect(counts.endInterval().map(\.leftOut), is: [])
    #expect(counts.isEmpty)
    expect(counts.add("a", cause: "a"), is: true)
  }

  @Test func causesWithoutEndAreCountedTogether() {
    var counts = LineCounts(burst: 1)
    let written = (1...10_000).count { counts.add("\($0)", cause: "\($0)") }
    #expect(written == LineCounts.most + 1)
    #expect(counts.endInterval().map(\.leftOut) == [10_000 - written])
  }
}
