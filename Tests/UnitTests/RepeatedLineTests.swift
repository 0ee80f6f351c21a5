import Testing

@testable import Shared

/// What a peer can cause as often as it likes is a few lines.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct RepeatedLineTests {
  @Test @EventLoop func theFirstIsWrittenAtOnceAndTheRestCounted() async throws {
    let log = LogLines()
    let lines = RepeatedLine(log: log.logger, interval: 0.2)
    for process in 1...1000 { lines.warn("process \(process) may not", cause: "user 5") }
    #expect(log.all == ["warning: process 1 may not"])
    try await EventLoop.sleep(seconds: 0.3)
    let summary = "warning: process 1000 may not; 999 such lines were left out in 0.2 s"
    #expect(log.all == ["warning: process 1 may not", summary])
  }

  @Test @EventLoop func eachCauseHasItsOwnLines() {
    let log = LogLines()
    let lines = RepeatedLine(log: log.logger, burst: 2)
    for _ in 1...5 {
      lines.warn("one", cause: "user 1")
      lines.warn("two", cause: "user 2")
    }
    #expect(log.all.count { $0 == "warning: one" } == 2)
    #expect(log.all.count { $0 == "warning: two" } == 2)
  }

  /// A cause that goes on has one line an interval; one that has ended begins anew.
  @Test @EventLoop func whatGoesOnIsSummedUpAndWhatHasEndedIsForgotten() async throws {
    let log = LogLines()
    let lines = RepeatedLine(log: log.logger, interval: 0.1)
    lines.warn("a", cause: "a")
    lines.warn("a", cause: "a")
    try await EventLoop.sleep(seconds: 0.15)
    lines.warn("a", cause: "a")
    try await EventLoop.sleep(seconds: 1)
    lines.warn("a", cause: "a")
    let summary = "warning: a; 1 such lines were left out in 0.1 s"
    #expect(log.all == ["warning: a", summary, summary, "warning: a"])
  }

  @Test @EventLoop func causesWithoutEndAreCountedTogether() {
    let log = LogLines()
    let lines = RepeatedLine(log: log.logger)
    for number in 1...10_000 { lines.warn("\(number)", cause: "\(number)") }
    #expect(log.all.count == 101)
  }
}
