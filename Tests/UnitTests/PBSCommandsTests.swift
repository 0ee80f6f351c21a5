import FoundationEssentials
import Testing

@testable import Shared
@testable import pbs_broker

/// PBS's commands played by scripts: what is asked of them, and what is made of their answers.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct PBSCommandsTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/bin", withIntermediateDirectories: false)
  }

  /// A command that prints the files `NAME.out` and `NAME.err`, notes its arguments in
  /// `NAME.arguments`, one a line, and ends with a status.
  private func command(_ name: String, output: Data = Data(), error: String = "", status: Int32 = 0)
    throws
  {
    try folder.write("\(name).out", String(decoding: output, as: UTF8.self))
    try folder.write("\(name).err", error)
    try folder.write(
      "bin/\(name)",
      """
      #!/bin/sh
      cd '\(folder.path)'
      printf '%s\\n' "$@" >>\(name).arguments
      cat \(name).out
      cat \(name).err >&2
      exit \(status)
      """, executable: true)
  }

  private func arguments(of name: String) throws -> [String] {
    try String(contentsOf: URL(filePath: "\(folder.path)/\(name).arguments"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  @EventLoop private func pbs() throws -> PBSCommands {
    try PBSCommands(
      PBSInstallation(exec: folder.path), placeholder: ["/bin/sleep", "infinity"],
      log: LogLines().logger)
  }

  private static let job = JobDescription(
    name: "redis", chunks: [.init(ncpus: 1, memory: 671_088_640, host: nil, others: [:])],
    walltime: nil, queue: nil,
    environment: [("KUBERNETES_POD_UID", "uid-1"), ("KUBERNETES_POD_NAME", "redis")])

  // MARK: qsub

  @Test @EventLoop func submitsAJob() async throws {
    try command("qsub", output: Data("5.pbsserver\n".utf8))
    #expect(try await pbs().submit(Self.job) == "5.pbsserver")
    #expect(
      try arguments(of: "qsub") == [
        "-f", "-r", "n", "-N", "redis", "-l", "select=1:ncpus=1:mem=640mb", "-v",
        "KUBERNETES_POD_UID=uid-1,KUBERNETES_POD_NAME=redis", "-o", "/dev/null", "-e", "/dev/null",
        "--", "/bin/sleep",
        "infinity",
      ])
  }

  @Test @EventLoop func submitsWithAWalltimeToAQueue() async throws {
    try command("qsub", output: Data("5.pbsserver\n".utf8))
    var job = Self.job
    job.walltime = 3600
    job.queue = "pods"
    _ = try await pbs().submit(job)
    #expect(
      try arguments(of: "qsub")[7..<11] == ["-l", "walltime=3600", "-q", "pods"])
  }

  /// What qsub prints on standard error, its status, and what that means.
  @Test(arguments: [
    ("qsub: Job name is too long \n", 2, PBSError.refused("qsub: Job name is too long")),
    ("qsub: Unknown queue\n", 170, .refused("qsub: Unknown queue")),
    (
      "Connection refused\nqsub: cannot connect to server pbsserver (errno=15010)\n", 255,
      .unavailable("Connection refused; qsub: cannot connect to server pbsserver (errno=15010)")
    ),
    (
      "qsub: cannot connect to server pbsserver (errno=111)\n", 111,
      .unavailable("qsub: cannot connect to server pbsserver (errno=111)")
    ),
    ("qsub: End of File\n", 31, .unavailable("qsub: End of File")),
    ("", 1, .unavailable("qsub: exit 1")),
    ("", 137, .unavailable("qsub: exit 137")),
    // Said to have worked, but without an id: whether there is a job is not known.
    ("", 0, .unavailable("qsub printed no job id: ")),
  ])
  @EventLoop func tellsRefusalFromSilence(_ words: String, _ status: Int32, _ error: PBSError)
    async throws
  {
    try command("qsub", error: words, status: status)
    let pbs = try pbs()
    await #expect(throws: error) { try await pbs.submit(Self.job) }
  }

  @Test @EventLoop func aCommandThatIsMissingIsSilence() async throws {
    let pbs = try pbs()
    await #expect(
      throws: PBSError.unavailable(
        "cannot start \(folder.path)/bin/qsub: No such file or directory")
    ) {
      try await pbs.submit(Self.job)
    }
  }

  // MARK: qstat

  @Test @EventLoop func tellsAllAboutJobs() async throws {
    try command("qstat", output: QstatExcerpts.running + QstatExcerpts.finished)
    let stat = try await pbs().stat(["2.pbsserver", "3.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["2.pbsserver", "3.pbsserver"])
    #expect(stat.jobs.map(\.state) == [.running, .finished])
    #expect(stat.unknown.isEmpty)
    #expect(try arguments(of: "qstat") == ["-x", "-f", "2.pbsserver", "3.pbsserver"])
  }

  @Test @EventLoop func tellsWhichJobsPBSDoesNotKnow() async throws {
    try command(
      "qstat", output: QstatExcerpts.running,
      error: "qstat: Unknown Job Id 99998.pbsserver\nqstat: Unknown Job Id 99999.pbsserver\n",
      status: 153)
    let stat = try await pbs().stat(["2.pbsserver", "99998.pbsserver", "99999.pbsserver"])
    #expect(stat.jobs.map(\.id) == ["2.pbsserver"])
    #expect(stat.unknown == ["99998.pbsserver", "99999.pbsserver"])
  }

  @Test(arguments: [(1, ""), (153, "qstat: Unknown Job Id 99.pbsserver\n")])
  @EventLoop func nothingIsKnownOfAnotherServersJob(_ status: Int32, _ more: String) async throws {
    try command(
      "qstat", output: QstatExcerpts.running,
      error: "qstat: illegally formed job identifier: 1.elsewhere\n" + more, status: status)
    let stat = try await pbs().stat(
      ["1.elsewhere", "2.pbsserver"] + (more.isEmpty ? [] : ["99.pbsserver"]))
    #expect(stat.jobs.map(\.id) == ["2.pbsserver"])
    #expect(stat.unknown == (more.isEmpty ? [] : ["99.pbsserver"]))
  }

  /// DESIGN.md, invariant 4: a failed or partial answer is no job's end.
  @Test(arguments: [
    ("", 0), ("", 1), ("", 153), ("qstat: Unknown Job Id 22.pbsserver\n", 153),
    ("qstat: Unknown Job Id 2.pbs\n", 153),
    ("qstat: Unknown Job Id 3.pbsserver\n", 153),
    ("qstat: illegally formed job identifier: 3.pbsserver\n", 1),
    ("qstat: cannot connect to server pbsserver (errno=15010)\n", 255),
  ])
  @EventLoop func silenceAboutAJobIsAnError(_ words: String, _ status: Int32) async throws {
    try command("qstat", error: words, status: status)
    let pbs = try pbs()
    await #expect {
      try await pbs.stat(["2.pbsserver"])
    } throws: { error in
      if case .unavailable = error as? PBSError { true } else { false }
    }
  }

  @Test(arguments: [0, 1, 20, 100, 400, -3, -2, -1])
  @EventLoop func cutOutputIsAnError(_ length: Int) async throws {
    let whole = QstatExcerpts.running
    let cut = whole.prefix(length >= 0 ? length : whole.count - 1 + length)
    // Even when the status says that all is well.
    try command("qstat", output: cut)
    let pbs = try pbs()
    await #expect {
      try await pbs.stat(["2.pbsserver"])
    } throws: { error in
      if case .unavailable = error as? PBSError { true } else { false }
    }
  }

  @Test @EventLoop func asksForManyJobsInSeveralCommands() async throws {
    let ids = (1...450).map { "\($0).pbsserver" }
    try command("qstat", error: ids.map { "qstat: Unknown Job Id \($0)\n" }.joined(), status: 153)
    #expect(try await pbs().stat(ids).unknown == Set(ids))
    #expect(try arguments(of: "qstat").count { $0 == "-x" } == 3)
  }

  // MARK: qselect, qdel, pbsnodes

  @Test @EventLoop func listsJobs() async throws {
    try command("qselect", output: Data("1.pbsserver\n12.pbsserver\n".utf8))
    let ids: Set = ["1.pbsserver", "12.pbsserver"]
    #expect(try await pbs().list() == JobListing(all: ids, running: ids))
  }

  @Test(arguments: ["1.pbsserver\n12.pbss", "qselect: words\n", "1.pbsserver\nqselect: words\n"])
  @EventLoop func aListOfSomethingElseIsAnError(_ output: String) async throws {
    try command("qselect", output: Data(output.utf8))
    let pbs = try pbs()
    await #expect(throws: PBSError.unavailable("qselect printed something else than job ids")) {
      try await pbs.list()
    }
  }

  /// A job that has ended already, or that nobody knows, counts as deleted.
  @Test(arguments: [
    ("", 0), ("qdel: Unknown Job Id 5.s\n", 153), ("qdel: Job has finished 5.s\n", 35),
  ])
  @EventLoop func deletesAJob(_ words: String, _ status: Int32) async throws {
    try command("qdel", error: words, status: status)
    try await pbs().delete("5.s", force: false)
    try await pbs().delete("6.s", force: true)
    #expect(try arguments(of: "qdel") == ["5.s", "-W", "force", "6.s"])
  }

  @Test @EventLoop func tellsThatAJobCannotBeDeleted() async throws {
    try command("qdel", error: "qdel: Unauthorized Request 5.s\n", status: 159)
    let pbs = try pbs()
    await #expect(throws: PBSError.refused("qdel: Unauthorized Request 5.s")) {
      try await pbs.delete("5.s", force: false)
    }
  }

  @Test @EventLoop func tellsWhichHostsAreDown() async throws {
    let output = """
      node1
           state = free
           resources_available.host = node1

      node2
           state = state-unknown,down
           resources_available.host = host2

      node3
           state = offline,job-busy
           resources_available.host = node3

      node4
           state = state-unknown
           resources_available.host = node4


      """
    try command("pbsnodes", output: Data(output.utf8))
    let hosts = try await pbs().hosts()
    #expect(hosts.all == ["node1", "node2", "host2", "node3", "node4"])
    #expect(hosts.down == ["node2", "host2", "node4"])
  }
}
