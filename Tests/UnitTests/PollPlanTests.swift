import Testing

@testable import pbs_broker

/// What PBS is asked, and when: by what is known and by the time.
@Suite struct PollPlanTests {
  fileprivate static let now = 1000.0
  private static let pace = LookPace(first: 0.25, second: 0.5)

  /// Jobs by id; ages in seconds at ``now``.
  fileprivate static func record(
    _ id: String, _ state: Job.State = .queued, told: Double? = 1, added: Double = 900,
    startingFor: Double? = nil
  ) -> JobRecord {
    var record = JobRecord(
      job: .with(id, state, substate: startingFor == nil ? 42 : 41), addedAt: now - added)
    record.statAt = told.map { now - $0 } ?? 0
    record.startingSince = startingFor.map { now - $0 }
    return record
  }

  // MARK: When

  @Test(arguments: [
    (nil, nil, 1.0), (0.0, nil, 0.25), (2.9, nil, 0.25), (3.1, nil, 0.5), (9.9, nil, 0.5),
    (10.1, nil, 1), (nil, 0.0, 0.25), (nil, 5.0, 0.5), (nil, 11.0, 1), (600, 1, 0.25),
  ])
  func pollsFasterWhileJobsAreAboutToStart(
    _ starting: Double?, _ busy: Double?, _ interval: Double
  ) {
    let jobs = [Self.record("1", .running, startingFor: starting), Self.record("2")]
    #expect(
      PollPlan.interval(
        jobs: JobBook(jobs), busySince: busy.map { Self.now - $0 }, expectsMore: false, interval: 1,
        pace: Self.pace, now: Self.now) == interval)
  }

  @Test func aJobThatNeverStartsSpeedsUpNothingAndTheNewestCounts() {
    let old = (1...50).map { Self.record("\($0)", .running, startingFor: 60) }
    let interval = { (jobs: [JobRecord]) in
      PollPlan.interval(
        jobs: JobBook(jobs), busySince: nil, expectsMore: false, interval: 1, pace: Self.pace,
        now: Self.now)
    }
    #expect(interval(old) == 1)
    #expect(interval(old + [Self.record("51", .running, startingFor: 1)]) == 0.25)
  }

  @Test(arguments: [(0, false, 1.0, 10.0), (0, true, 1, 1), (1, false, 1, 1), (0, false, 30, 30)])
  func pollsSeldomWhileThereIsNothing(
    _ jobs: Int, _ expectsMore: Bool, _ interval: Double, _ expected: Double
  ) {
    let jobs = Array([Self.record("1")].prefix(jobs))
    #expect(
      PollPlan.interval(
        jobs: JobBook(jobs), busySince: nil, expectsMore: expectsMore, interval: interval,
        pace: Self.pace,
        now: Self.now)
        == expected)
  }

  @Test func aShorterIntervalOfTheSiteStays() {
    #expect(
      PollPlan.interval(
        jobs: JobBook([Self.record("1")]), busySince: Self.now, expectsMore: false, interval: 0.1,
        pace: Self.pace, now: Self.now) == 0.1)
  }

  // MARK: What

  /// What is asked of these jobs when PBS lists them all.
  private static func asked(
    _ records: [JobRecord], listed: [String: Job.State]? = nil, foreign: Set<String> = [],
    unconfirmed: Set<String> = []
  ) -> Set<String> {
    let jobs = JobBook(records)
    let states = listed ?? jobs.records.mapValues { $0.job.state }
    return PollPlan.jobsToStat(
      jobs,
      listing: JobListing(
        all: Set(states.keys), running: Set(states.filter { $0.value == .running }.keys),
        states: states),
      foreign: foreign, unconfirmed: unconfirmed, begun: now)
  }

  @Test func jobsThatAreNewOrChangedOrAskedFor() {
    let records = [Self.record("1"), Self.record("2", .running), Self.record("3")]
    #expect(Self.asked(records) == [])
    #expect(Self.asked(records, unconfirmed: ["2"]) == ["2"])
    let listed: [String: Job.State] = ["1": .held, "2": .running, "3": .running, "4": .queued]
    #expect(Self.asked(records, listed: listed) == ["1", "3", "4"])
    #expect(Self.asked(records, listed: listed, foreign: ["4"]) == ["1", "3"])
  }

  @Test func aJobThatIsNotListedUnlessItCameAfterTheListingHadBegun() {
    let early = Self.record("1", added: 0.1)
    let late = Self.record("2", told: nil, added: -0.1)
    #expect(Self.asked([early, late], listed: [:]) == ["1"])
  }

  /// Seconds since its start was requested, and since PBS told all of it.
  @Test(arguments: [
    (1.0, 0.2, true), (9, 0.2, true), (11, 1.9, false), (11, 2.1, true), (59, 2.1, true),
    (61, 9, false), (61, 11, true),
  ])
  func aHostThatDoesNotReportIsAskedAboutMoreAndMoreSeldom(
    _ starting: Double, _ told: Double, _ isAsked: Bool
  ) {
    let record = Self.record("1", .running, told: told, startingFor: starting)
    #expect(Self.asked([record]) == (isAsked ? ["1"] : []))
  }

  @Test(arguments: [(29.0, false), (31, true)])
  func aRunningJob(_ told: Double, _ isAsked: Bool) {
    #expect(Self.asked([Self.record("1", .running, told: told)]) == (isAsked ? ["1"] : []))
  }

  @Test func waitingJobsAreAskedAboutTogether() {
    // Some are not due: those that are wait for them, but not for ever.
    let some = (1...100).map { Self.record("\($0)", told: $0 <= 50 ? 11 : 1) }
    #expect(Self.asked(some).isEmpty)
    let overdue = (1...100).map { Self.record("\($0)", told: $0 <= 50 ? 16 : 1) }
    #expect(Self.asked(overdue).count == 50)
    let all = (1...100).map { Self.record("\($0)", told: 11) }
    #expect(Self.asked(all).count == 100)
  }

  @Test func aNewOneIsAskedAboutAtOnce() {
    let records = [Self.record("1", told: nil, added: 0.1), Self.record("2", told: 1)]
    #expect(Self.asked(records) == ["1"])
  }

  @Test func theCostOfWaitingDoesNotGrow() {
    // 10 batches of jobs: one batch at a time, the ones that waited longest first.
    let count = 10 * PollPlan.batch
    let told = { (number: Int) in 60 - Double(number) / 1000 }
    let asked = Self.asked((1...count).map { Self.record("\($0)", told: told($0)) })
    #expect(asked == Set((1...PollPlan.batch).map(String.init)))
    let rested = (1...count).map { Self.record("\($0)", told: 31) }
    #expect(Self.asked(rested).isEmpty)
  }
}

/// The same where a listing tells all that has changed, and looks cost little.
extension PollPlanTests {
  private static func listing(_ all: Set<String>, changed: [Job] = []) -> JobListing {
    JobListing(
      all: all, tellsChanges: true, changed: JobStat(jobs: changed, unknown: []))
  }

  @Test func whatTheListingTellsIsNotAskedAbout() {
    let records = [Self.record("1", told: 1000), Self.record("2", .running, told: 1000)]
    let jobs = JobBook(records)
    let asked = { (listing: JobListing, unconfirmed: Set<String>) in
      PollPlan.jobsToStat(
        jobs, listing: listing, foreign: ["7"], unconfirmed: unconfirmed, begun: Self.now)
    }
    // However long ago they were told: what is not told has not changed.
    #expect(asked(Self.listing(["1", "2"]), []).isEmpty)
    #expect(asked(Self.listing(["1", "2", "7"], changed: [.with("1")]), ["1"]).isEmpty)
    #expect(asked(Self.listing(["1", "2"]), ["1"]) == ["1"])
    #expect(asked(Self.listing(["1"]), []) == ["2"])
    // Listed, but never told: what was told got lost.
    #expect(asked(Self.listing(["1", "2", "3"]), []) == ["3"])
  }

  @Test(arguments: [
    (Job.State.queued, 2.0, 0.25), (.held, 2, 0.25), (.running, 2, 2), (.queued, 30, 3.75),
    (.queued, 0.1, 0.1),
  ])
  func waitingJobsAreLookedForWhereThatCostsLittle(
    _ state: Job.State, _ interval: Double, _ expected: Double
  ) {
    #expect(
      PollPlan.interval(
        jobs: JobBook([Self.record("1", state)]), busySince: nil, expectsMore: false,
        interval: interval,
        pace: LookPace(first: 0.05, second: 0.1, waiting: 0.25), now: Self.now) == expected)
  }
}
