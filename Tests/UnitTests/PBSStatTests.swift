import FoundationEssentials
import Testing

@testable import Runtime
@testable import pbs_broker

/// All about some jobs, by `qstat -E -f -w`: what is believed of its answer.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct PBSStatTests {
  private let scripted: ScriptedPBS

  init() throws {
    scripted = try ScriptedPBS()
  }

  private static let unknown = (Data(), "qstat: Unknown Job Id 9999999.pbsserver\n", Int32(153))

  @Test @EventLoop func tellsAllAboutJobs() async throws {
    try scripted.command("qstat", output: QstatExcerpts.running + QstatExcerpts.finished)
    let stat = try await scripted.pbs().stat(["2.pbsserver", "3.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["2.pbsserver", "3.pbsserver"])
    #expect(stat.jobs.map(\.state) == [.running, .finished])
    #expect(stat.unknown.isEmpty && stat.unreadable.isEmpty)
    #expect(
      try scripted.arguments(of: "qstat")
        == ["-x", "-E", "-f", "-w", "2.pbsserver", "3.pbsserver"])
  }

  /// qstat says nothing of unknown jobs among known ones; asked for them alone it does.
  @Test @EventLoop func tellsWhichJobsPBSDoesNotKnow() async throws {
    try scripted.answers(
      "qstat", [(QstatExcerpts.running, "", 0), Self.unknown])
    let pbs = try scripted.pbs()
    let stat = try await pbs.stat(["2.pbsserver", "9999998.pbsserver", "9999999.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["2.pbsserver"])
    #expect(stat.unknown == ["9999998.pbsserver", "9999999.pbsserver"])
    #expect(
      try scripted.arguments(of: "qstat").suffix(6)
        == ["-x", "-E", "-f", "-w", "9999998.pbsserver", "9999999.pbsserver"])
    // The name of the server, the two commands, and qstat's question of where the job may be.
    #expect(pbs.connectionsLeft(for: .look) == 333 - 4)
  }

  @Test(arguments: [
    ("qstat-express-unknown.txt", ["9999998.pbsserver", "9999999.pbsserver"]),
    ("qstat-express-unknown.txt", ["9999999.pbsserver"]),
  ])
  @EventLoop func readsTheRecordingOfUnknownJobs(_ name: String, _ ids: [String]) async throws {
    let recording = try RecordedAnswer("pbs/\(name)")
    try scripted.command(
      "qstat", error: recording.standardError, status: recording.status)
    #expect(try await scripted.pbs().stat(ids) == JobStat(jobs: [], unknown: Set(ids)))
  }

  /// DESIGN.md, invariant 4: a failed or partial answer is no job's end.
  @Test(arguments: [
    ("", 0), ("", 1), ("", 153), ("qstat: Unknown Job Id 22.pbsserver\n", 153),
    ("qstat: Unknown Job Id 2.pbs\n", 153),
    ("qstat: Unknown Job Id 3.pbsserver\n", 153),
    ("qstat: Unknown Job Id 2.pbsserver\n", 0), ("qstat: Unknown Job Id 2.pbsserver\n", 1),
    ("qstat: illegally formed job identifier: 2.pbsserver\n", 1),
    ("qstat: cannot connect to server pbsserver (errno=15010)\n", 255),
  ])
  @EventLoop func silenceAboutAJobIsAnError(_ words: String, _ status: Int32) async throws {
    try scripted.command("qstat", error: words, status: status)
    let pbs = try scripted.pbs()
    await #expect(throws: PBSError.self) { try await pbs.stat(["2.pbsserver"]) }
  }

  /// A job that is left out of every answer is neither there nor gone, and harms no other.
  @Test @EventLoop func aJobThatIsNeverToldIsUnreadable() async throws {
    try scripted.answers("qstat", [(QstatExcerpts.running, "", 0), (Data(), "", 0)])
    let log = LogLines()
    let pbs = try scripted.pbs(log: log)
    let stat = try await pbs.stat(["2.pbsserver", "3.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["2.pbsserver"])
    #expect(stat.unknown.isEmpty)
    #expect(stat.unreadable == ["3.pbsserver"])
    #expect(
      log.all.filter { $0.hasPrefix("warning: ") } == [
        "warning: 3.pbsserver: PBS says nothing of it that can be read; it counts as unchanged"
      ])
  }

  @Test(arguments: [1, 20, 100, 400, -3, -2, -1])
  @EventLoop func cutOutputIsAnError(_ length: Int) async throws {
    let whole = QstatExcerpts.running
    let cut = whole.prefix(length >= 0 ? length : whole.count + length)
    // Even when the status says that all is well.
    try scripted.command("qstat", output: cut)
    let pbs = try scripted.pbs()
    await #expect(throws: PBSError.unavailable("qstat's answer was cut off")) {
      try await pbs.stat(["2.pbsserver"])
    }
  }

  @Test @EventLoop func aJobThatWasNotAskedForIsIgnored() async throws {
    try scripted.command("qstat", output: QstatExcerpts.running + QstatExcerpts.finished)
    let log = LogLines()
    let pbs = try scripted.pbs(log: log)
    for _ in 0..<3 {
      #expect(try await pbs.stat(["2.pbsserver"]).jobs.map(\.id) == ["2.pbsserver"])
    }
    #expect(
      log.all.filter { $0.hasPrefix("warning: ") } == [
        "warning: 3.pbsserver: qstat tells of it without having been asked, which is ignored"
      ])
  }

  @Test @EventLoop func manyJobsAreOneConnection() async throws {
    let ids = (1...PBSCommands.batch).map { "\($0).pbsserver" }
    let objects = ids.map { "Job Id: \($0)\n    job_state = Q\n\n" }.joined()
    try scripted.command("qstat", output: Data(objects.utf8))
    let pbs = try scripted.pbs()
    _ = try await pbs.server()
    let left = pbs.connectionsLeft(for: .look)
    #expect(try await pbs.stat(ids).jobs.count == ids.count)
    // One for the name of the server, which stat asks for once, and one for all jobs.
    #expect(pbs.connectionsLeft(for: .look) == left - 2)
    #expect(try scripted.arguments(of: "qstat").count { $0 == "-E" } == 1)
  }

  @Test @EventLoop func withoutHistoryThatAJobIsUnknownIsTheLastWord() async throws {
    // The one failure that exits with 0.
    let words = "qstat: PBS is not configured to maintain job history 9999999.pbsserver\n"
    try scripted.answers("qstat", [(Data(), words, 0), Self.unknown])
    let pbs = try scripted.pbs()
    for _ in 0..<2 { #expect(try await pbs.stat(["9999999.pbsserver"]).unknown.count == 1) }
    #expect(try scripted.arguments(of: "qstat").count { $0 == "-x" } == 1)
  }
}
