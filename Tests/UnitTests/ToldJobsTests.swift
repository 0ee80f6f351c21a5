import Testing

@testable import pbs_broker

/// What a helper tells of jobs, and from when on it asks for changes.
@Suite struct ToldJobsTests {
  /// One listing of jobs by id, as fingerprint and PBS's second of their last change.
  private func list(
    _ told: inout ToldJobs, _ jobs: [String: (Int, Int)], now: Double = 0
  ) -> (news: Set<String>, gone: Set<String>) {
    told.begin()
    let news = jobs.filter {
      told.isNews($0.key, fingerprint: $0.value.0, .init(changedAt: $0.value.1), now: now)
    }
    return (Set(news.keys), Set(told.end(now: now)))
  }

  private func expect(
    _ told: (news: Set<String>, gone: Set<String>), _ expected: (Set<String>, Set<String>),
    at place: SourceLocation = #_sourceLocation
  ) {
    #expect(told.news == expected.0, sourceLocation: place)
    #expect(told.gone == expected.1, sourceLocation: place)
  }

  @Test func tellsWhatIsNewAndWhatIsGoneOnce() {
    var told = ToldJobs()
    #expect(told.isEmpty)
    expect(list(&told, ["1": (10, 100), "2": (20, 100)]), (["1", "2"], []))
    #expect(!told.isEmpty)
    expect(list(&told, ["1": (10, 100), "2": (20, 100)]), ([], []))
    expect(list(&told, ["1": (11, 101)]), (["1"], ["2"]))
    expect(list(&told, ["1": (11, 101)]), ([], []))
    expect(list(&told, ["1": (11, 101), "2": (20, 100)]), (["2"], []))
  }

  @Test func oneThatHasEndedIsNotNewsAgain() {
    var told = ToldJobs()
    _ = list(&told, ["1": (10, 100)])
    let isNews = told.isNews("1", fingerprint: 99, .init(changedAt: 101), now: 0)
    #expect(isNews)
    expect(list(&told, [:]), ([], ["1"]))
    expect(list(&told, [:]), ([], []))
  }

  @Test func asksForChangesFromWherePBSsClockMustBe() {
    var told = ToldJobs()
    #expect(told.since(now: 0) == nil)
    _ = list(&told, ["1": (10, 1000), "2": (20, 400)], now: 50)
    // Some of PBS's seconds back, until so many have gone by here.
    #expect(told.since(now: 50) == 998)
    #expect(told.since(now: 52.9) == 998)
    #expect(told.since(now: 60) == 1006)
    _ = list(&told, ["1": (11, 1010), "2": (20, 400)], now: 61)
    #expect(told.since(now: 61) == 1008)
    // A PBS that does not say when.
    var silent = ToldJobs()
    _ = silent.isNews("1", fingerprint: 1, .init(changedAt: nil), now: 0)
    #expect(silent.since(now: 10) == nil)
  }
}
