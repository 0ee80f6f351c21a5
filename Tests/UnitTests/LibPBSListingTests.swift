import FoundationEssentials
import Testing

@testable import Runtime
@testable import pbs_broker

/// A listing asks for all about what has changed, and little about the rest.
@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct LibPBSListingTests {
  /// 1 to 3 changed long before 9, the newest.
  private static func jobs(_ change: (inout [String: String]) -> Void = { _ in }) -> [String] {
    var jobs = [
      "1": FakeLibrary.job("1.pbsserver", changed: 10),
      "2": FakeLibrary.job("2.pbsserver", "R", changed: 10),
      "3": FakeLibrary.job("3.pbsserver", changed: 10),
      "9": FakeLibrary.job("9.pbsserver", changed: 100),
    ]
    change(&jobs)
    return jobs.sorted { $0.key < $1.key }.map(\.value)
  }

  @Test @EventLoop func whileNothingChangesNoJobIsAskedAbout() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells(Self.jobs())
    #expect(try await pbs.list(telling: []).changed.jobs.count == 4)
    #expect(fake.count("pbs_selstat") == 1)
    for _ in 1...3 {
      let listing = try await pbs.list(telling: [])
      #expect(listing.all.count == 4 && listing.changed.jobs.isEmpty)
    }
    // What is new, and what is still there.
    #expect(fake.count("pbs_selstat") == 7 && fake.count("pbs_statjob") == 0)
    #expect(
      fake.calls.suffix(2) == [
        "pbs_selstat User_List/4/pbs-broker mtime/6/98 x", "pbs_selstat User_List/4/pbs-broker -",
      ])
    #expect(try await pbs.list(telling: ["3.pbsserver"]).changed.jobs.map(\.id) == ["3.pbsserver"])
    #expect(fake.calls.last == "pbs_statjob 3.pbsserver x")
  }

  @Test @EventLoop func whatChangesWithoutANewMomentIsTold() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells(Self.jobs())
    _ = try await pbs.list(telling: [])
    try fake.tells(
      Self.jobs {
        $0["1"] = FakeLibrary.job("1.pbsserver", "R", changed: 10)
        $0["2"] = nil
        // New to us, and older than what was told.
        $0["4"] = FakeLibrary.job("4.pbsserver", "H", changed: 11)
      })
    let listing = try await pbs.list(telling: [])
    #expect(listing.all == ["1.pbsserver", "3.pbsserver", "4.pbsserver", "9.pbsserver"])
    #expect(listing.changed.jobs.map(\.state) == [.running, .held])
    #expect(fake.calls.last == "pbs_statjob 1.pbsserver,4.pbsserver x")
    // One that was gone and is back is told, though it is as it was.
    try fake.tells(Self.jobs())
    let ids = try await pbs.list(telling: []).changed.jobs.map(\.id)
    #expect(ids == ["1.pbsserver", "2.pbsserver"])
  }

  @Test @EventLoop func aListingThatBreaksOffLosesNothing() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells(Self.jobs())
    _ = try await pbs.list(telling: [])
    try fake.tells(
      Self.jobs {
        $0["1"] = FakeLibrary.job("1.pbsserver", "R", changed: 10)
        $0["9"] = FakeLibrary.job("9.pbsserver", "R", changed: 101)
      })
    try fake.troubles("pbs_statjob:15007:Unauthorized Request")
    await #expect(throws: PBSError.self) { try await pbs.list(telling: []) }
    let listing = try await pbs.list(telling: [])
    #expect(listing.all.count == 4)
    #expect(Set(listing.changed.jobs.map(\.id)) == ["1.pbsserver", "9.pbsserver"])
    #expect(listing.changed.jobs.allSatisfy { $0.state == .running })
    #expect(fake.count("pbs_connect") == 1)
  }

  @Test @EventLoop func whatGoesBetweenItsQuestionsIsNoTrouble() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells(Self.jobs())
    _ = try await pbs.list(telling: [])
    try fake.tells(Self.jobs { $0["1"] = FakeLibrary.job("1.pbsserver", "R", changed: 10) })
    try fake.troubles("pbs_statjob:15001:Unknown Job Id")
    let listing = try await pbs.list(telling: [])
    #expect(listing.all.count == 4 && listing.changed.jobs.isEmpty)
    #expect(try await pbs.list(telling: []).changed.jobs.map(\.id) == ["1.pbsserver"])
  }
}
