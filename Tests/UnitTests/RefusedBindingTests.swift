import Testing

@testable import pbs_broker

/// Pods that the API server does not let us bind.
@Suite struct RefusedBindingTests {
  @Test func itIsTriedAgainAndThenGivenUp() {
    var refused = RefusedBinding(job: "5.s", words: "403 Forbidden: no", now: 100)
    let words = "is there, and its pod cannot be bound: 403 Forbidden: no"
    #expect(
      refused.shortage(patience: 60, now: 101) == .init(words: words, isOverdue: false))
    #expect(refused.shortage(patience: 60, now: 102) == nil)
    refused.again("403 Forbidden: still", now: 102)
    #expect(refused.shortage(patience: 60, now: 105)?.words.hasSuffix("still") == true)
    #expect(refused.shortage(patience: 60, now: 106) == nil)
    for moment in [106.0, 114, 130] { refused.again("403 Forbidden: still", now: moment) }
    // The waits grow to half a minute.
    #expect(refused.shortage(patience: 60, now: 159)?.isOverdue == false)
    #expect(refused.shortage(patience: 60, now: 160)?.isOverdue == true)
    #expect(refused.shortage(patience: 600, now: 160) == nil)
    for moment in 0..<20 { refused.again("no", now: 160 + Double(moment)) }
    #expect(refused.shortage(patience: 600, now: 208) != nil)
    #expect(refused.shortage(patience: 600, now: 209) == nil)
  }
}
