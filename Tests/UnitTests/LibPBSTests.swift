import FoundationEssentials
import Testing

@testable import Runtime
@testable import pbs_broker

/// The libpbs backend with its real helper process, and a libpbs.so that does as the tests say.
@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct LibPBSTests {
  // MARK: Submitting and deleting

  @Test @EventLoop func submitsAJob() async throws {
    let fake = try await FakeLibrary()
    var job = ScriptedPBS.job
    job.queue = "pods"
    #expect(try await fake.pbs().submit(job) == "5.pbsserver")
    #expect(fake.count("pbs_submit - pods") == 1)
    #expect(fake.calls.contains("  Resource_List.select=1:ncpus=1:mem=640mb"))
    #expect(fake.calls.contains("  executable=/bin/sleep"))
    #expect(
      fake.calls.contains("  argument_list=<jsdl-hpcpa:Argument>infinity</jsdl-hpcpa:Argument>"))
  }

  @Test @EventLoop func everythingGoesOverOneConnection() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells([FakeLibrary.job("5.pbsserver")])
    for _ in 1...20 {
      _ = try await pbs.submit(ScriptedPBS.job)
      _ = try await pbs.list(telling: [])
      _ = try await pbs.changes()
      _ = try await pbs.stat(["5.pbsserver"])
      try await pbs.delete("5.pbsserver", force: false)
    }
    #expect(fake.count("pbs_submit") == 20)
    #expect(fake.count("pbs_connect") == 1)
  }

  /// What the server says of a submission, and what that means.
  @Test(arguments: [
    (
      "15142:Maximum number of jobs already in queue",
      PBSError.limit("Maximum number of jobs already in queue")
    ),
    ("15018:Unknown queue", .limit("Unknown queue")),
    ("15007:Unauthorized Request", .unauthorized("Unauthorized Request")),
    ("15035:Unknown resource Resource_List.zzz", .refused("Unknown resource Resource_List.zzz")),
    (
      "15060:Request not allowed: Server shutting down",
      .busy("Request not allowed: Server shutting down")
    ),
    ("15161", .busy("Failed to save job/resv (15161)")),
    ("15999", .refused("PBS error 15999")),
    // On such a connection the server does nothing any more.
    ("15019:Invalid credential", .busy("Invalid credential")),
    ("eof", .unavailable("Batch protocol error (15031)")),
  ])
  @EventLoop func tellsRefusalFromSilence(_ trouble: String, _ error: PBSError) async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    _ = try await pbs.list(telling: [])
    try fake.troubles("pbs_submit:\(trouble)")
    await #expect(throws: error) { try await pbs.submit(ScriptedPBS.job) }
    #expect(fake.count("pbs_submit") == 1)
    // Whatever it was, the next one is asked.
    #expect(try await pbs.submit(ScriptedPBS.job) == "5.pbsserver")
  }

  @Test(arguments: [
    ("111", PBSError.unavailable("cannot connect to PBS: Connection refused")),
    ("99", .busy("cannot connect to PBS: Cannot assign requested address")),
    (
      "15007:pbs_iff: cannot bind to port",
      .unavailable("cannot connect to PBS: pbs_iff: cannot bind to port")
    ),
  ])
  @EventLoop func aConnectionThatCannotBeMadeIsNoRefusal(
    _ trouble: String, _ error: PBSError
  ) async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.troubles("pbs_connect:\(trouble)")
    await #expect(throws: error) { try await pbs.submit(ScriptedPBS.job) }
    #expect(fake.count("pbs_submit") == 0)
    #expect(try await pbs.submit(ScriptedPBS.job) == "5.pbsserver")
  }

  @Test(arguments: [("15001", true), ("15139", true), ("15007", false), ("15085", false)])
  @EventLoop func aJobThatHasEndedCountsAsDeleted(_ code: String, _ isDone: Bool) async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.troubles("pbs_deljob:\(code)")
    do throws(PBSError) {
      try await pbs.delete("5.pbsserver", force: true)
      #expect(isDone)
    } catch {
      #expect(!isDone)
    }
    #expect(fake.calls.last == "pbs_deljob 5.pbsserver force")
  }

  @Test @EventLoop func aJobOfAnotherServerIsNeverAskedAbout() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    await #expect(throws: PBSError.self) { try await pbs.delete("5.other", force: false) }
    let stat = try await pbs.stat(["5.other", "5.pbsserver,6.pbsserver"])
    #expect(stat.unreadable == ["5.other", "5.pbsserver,6.pbsserver"])
    #expect(fake.count("pbs_deljob") == 0)
    #expect(fake.count("pbs_statjob") == 0)
  }

  // MARK: Looking

  @Test @EventLoop func aListingTellsWhatHasChanged() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    let (five, six) = (FakeLibrary.job("5.pbsserver"), FakeLibrary.job("6.pbsserver"))
    try fake.tells([five, six])
    var listing = try await pbs.list(telling: [])
    #expect(listing.all == ["5.pbsserver", "6.pbsserver"])
    #expect(listing.changed.jobs.map(\.id) == ["5.pbsserver", "6.pbsserver"])
    #expect(listing.changed.jobs.first?.pod?.uid == "uid-1")
    #expect(listing.changed.jobs.first?.select == "1:ncpus=1")
    listing = try await pbs.list(telling: [])
    #expect(listing.all.count == 2)
    #expect(listing.changed.jobs.isEmpty)
    listing = try await pbs.list(telling: ["6.pbsserver"])
    #expect(listing.changed.jobs.map(\.id) == ["6.pbsserver"])
    try fake.tells([FakeLibrary.job("5.pbsserver", comment: "Not Running: ncpus")])
    listing = try await pbs.list(telling: [])
    #expect(listing.all == ["5.pbsserver"])
    #expect(listing.changed.jobs.map(\.comment) == ["Not Running: ncpus"])
    // One that comes back is told, though it is as it was.
    try fake.tells([five, six])
    #expect(try await pbs.list(telling: []).changed.jobs.count == 2)
  }

  @Test @EventLoop func changesAreAskedForByTheirTime() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells([
      FakeLibrary.job("5.pbsserver", changed: 50), FakeLibrary.job("6.pbsserver", changed: 100),
    ])
    // What has changed, only a listing before can tell.
    #expect(try await pbs.changes() == nil)
    _ = try await pbs.list(telling: [])
    #expect(try await pbs.changes()?.jobs == [])
    #expect(fake.calls.last == "pbs_selstat User_List/4/pbs-broker mtime/6/98 x")
    try fake.tells([
      FakeLibrary.job("5.pbsserver", "F", changed: 101),
      FakeLibrary.job("6.pbsserver", "R", changed: 100),
    ])
    let changes = try #require(try await pbs.changes())
    #expect(changes.jobs.map(\.state) == [.finished, .running])
    #expect(try await pbs.changes()?.jobs == [])
    let listing = try await pbs.list(telling: [])
    #expect(listing.all == ["6.pbsserver"])
    #expect(listing.changed.jobs.isEmpty)
  }

  @Test @EventLoop func aPBSWithoutHistoryIsAskedWithoutIt() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells([FakeLibrary.job("5.pbsserver")])
    try fake.troubles("pbs_statjob:15140:job_history_enable is set to false")
    #expect(try await pbs.stat(["5.pbsserver"]).jobs.count == 1)
    #expect(try await pbs.stat(["5.pbsserver"]).jobs.count == 1)
    let asked = fake.calls.filter { $0.hasPrefix("pbs_statjob") }
    #expect(asked.map { $0.suffix(1) } == ["x", "-", "-"])
  }

  @Test @EventLoop func onlyPBSsOwnWordMakesAJobUnknown() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells([FakeLibrary.job("5.pbsserver")])
    let stat = try await pbs.stat(["5.pbsserver", "6.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["5.pbsserver"])
    #expect(stat.unknown == ["6.pbsserver"])
    #expect(fake.calls.last == "pbs_statjob 6.pbsserver x")
    try fake.troubles("pbs_statjob:eof", "pbs_statjob:eof")
    await #expect(throws: PBSError.self) { try await pbs.stat(["6.pbsserver"]) }
  }

  @Test @EventLoop func whatIsNotUTF8IsRepairedAndWhatIsNoJobIsUnreadable() async throws {
    let fake = try await FakeLibrary()
    let log = LogLines()
    let pbs = fake.pbs(log: log)
    var octets = Data(FakeLibrary.job("5.pbsserver", comment: "a").utf8)
    octets += Data("\tHold_Types=".utf8) + [0xFF, 0xC3] + Data("\n".utf8)
    octets += Data(FakeLibrary.job("6.pbsserver", "?").utf8) + Data("\n".utf8)
    octets += Data("7.pbsserver\n".utf8) + Data(FakeLibrary.job("8.other").utf8) + Data("\n".utf8)
    try octets.write(to: URL(filePath: "\(fake.folder.path)/jobs"))
    let listing = try await pbs.list(telling: [])
    #expect(listing.changed.jobs.map(\.holdTypes) == ["\u{FFFD}\u{FFFD}"])
    #expect(listing.changed.unreadable == ["6.pbsserver", "7.pbsserver"])
    #expect(listing.all == ["5.pbsserver", "6.pbsserver", "7.pbsserver"])
    #expect(log.all.contains { $0.hasPrefix("warning: 8.other: no job of this PBS server") })
  }

  @Test @EventLoop func aLongListingComesInSeveralFrames() async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    let comment = String(repeating: "x", count: 2000)
    let huge = String(repeating: "y", count: 5 << 20)
    try fake.tells(
      (1...2000).map { FakeLibrary.job("\($0).pbsserver", comment: comment) }
        + [FakeLibrary.job("2001.pbsserver", comment: huge)])
    let listing = try await pbs.list(telling: [])
    #expect(listing.all.count == 2001)
    #expect(listing.changed.jobs.count == 2000)
    #expect(listing.changed.unreadable == ["2001.pbsserver"])
  }

  @Test @EventLoop func tellsHosts() async throws {
    let fake = try await FakeLibrary()
    try fake.folder.write(
      "vnodes",
      "node1\tstate=free\tresources_available.host=node1\nnode2[0]\tstate=down,offline\tresources_available.host=node2\n"
    )
    let hosts = try await fake.pbs().hosts()
    #expect(hosts.vnodes.map(\.name) == ["node1", "node2[0]"])
    #expect(hosts.vnodes.map(\.host) == ["node1", "node2"])
    #expect(hosts.vnodes.map(\.isDown) == [false, true])
    #expect(hosts.vnodes.map(\.isOffline) == [false, true])
    #expect(hosts.down == ["node2[0]", "node2"])
  }
}
