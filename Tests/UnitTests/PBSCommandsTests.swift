import FoundationEssentials
import Testing
import Text

@testable import Runtime
@testable import pbs_broker

/// PBS's commands played by scripts: what is asked of them, and what is made of their answers.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct PBSCommandsTests {
  private let scripted: ScriptedPBS

  init() throws {
    scripted = try ScriptedPBS()
  }

  // MARK: qsub

  @Test @EventLoop func submitsAJob() async throws {
    try scripted.command("qsub", output: Data("5.pbsserver\n".utf8))
    #expect(try await scripted.pbs().submit(ScriptedPBS.job) == "5.pbsserver")
    #expect(
      try scripted.arguments(of: "qsub") == [
        "-f", "-r", "n", "-N", "redis", "-l", "select=1:ncpus=1:mem=640mb", "-v",
        "KUBERNETES_POD_UID=uid-1,KUBERNETES_POD_NAME=redis", "-o", "/dev/null", "-e", "/dev/null",
        "--", "/bin/sleep",
        "infinity",
      ])
  }

  @Test @EventLoop func submitsWithAWalltimeToAQueue() async throws {
    try scripted.command("qsub", output: Data("5.pbsserver\n".utf8))
    var job = ScriptedPBS.job
    job.walltime = 3600
    job.queue = "pods"
    _ = try await scripted.pbs().submit(job)
    #expect(
      try scripted.arguments(of: "qsub")[7..<11] == ["-l", "walltime=3600", "-q", "pods"])
  }

  /// What qsub prints on standard error, its status, and what that means.
  @Test(arguments: [
    ("qsub: Job name is too long \n", 2, PBSError.refused("qsub: Job name is too long")),
    ("qsub: Unknown queue\n", 170, .limit("qsub: Unknown queue")),
    (
      "Connection refused\nqsub: cannot connect to server pbsserver (errno=15010)\n", 255,
      .unavailable("Connection refused; qsub: cannot connect to server pbsserver (errno=15010)")
    ),
    ("qsub: End of File\n", 31, .unavailable("qsub: End of File")),
    ("qsub: Invalid credential\n", 171, .busy("qsub: Invalid credential")),
    ("qsub: Unauthorized Request \n", 159, .unauthorized("qsub: Unauthorized Request")),
    ("", 1, .unavailable("qsub: exit 1")),
    ("", 137, .unavailable("qsub: exit 137")),
    // Said to have worked, but without an id: whether there is a job is not known.
    ("", 0, .unavailable("qsub printed no job id: ")),
  ])
  @EventLoop func tellsRefusalFromSilence(_ words: String, _ status: Int32, _ error: PBSError)
    async throws
  {
    try scripted.command("qsub", error: words, status: status)
    let pbs = try scripted.pbs()
    await #expect(throws: error) { try await pbs.submit(ScriptedPBS.job) }
  }

  @Test(arguments: [
    "5.pbsserver", "5.pbsserver\n6.pbsserver\n", "5\n", "5[].pbsserver\n", "-Q\n", "5.-Q\n",
    "5.pbsserver now\n", "job 5.pbsserver\n",
  ])
  @EventLoop func anIDOfAnotherFormIsNone(_ output: String) async throws {
    try scripted.command("qsub", output: Data(output.utf8))
    let pbs = try scripted.pbs()
    await #expect {
      try await pbs.submit(ScriptedPBS.job)
    } throws: { ($0 as? PBSError)?.isUnavailable == true }
  }

  @Test @EventLoop func aCommandThatIsMissingIsSilence() async throws {
    let pbs = try scripted.pbs()
    await #expect(
      throws: PBSError.unavailable(
        "cannot start \(scripted.folder.path)/bin/qsub: No such file or directory")
    ) {
      try await pbs.submit(ScriptedPBS.job)
    }
  }

  // MARK: Listing

  private static let table = """

    pbsserver: 
                                                                          Req'd  Req'd   Elap
    Job ID                         Username        Queue           Jobname  Memory Time  S Time
    ------------------------------ --------------- --------------- ------ ----- - -----
    1.pbsserver                    alice  workq  redis   28714    2     2  704mb 01:00 R 00:00
    12.pbsserver                   alice  workq  held      --     1     1    --    --  H   -- 
    7.elsewhere                    alice  workq  moved     --     1     1    --    --  Q   -- 

    """

  @Test @EventLoop func listsJobsInOneCommand() async throws {
    try scripted.command("qstat", output: Data(Self.table.utf8))
    let log = LogLines()
    let pbs = try scripted.pbs(log: log)
    let ids: Set = ["1.pbsserver", "12.pbsserver"]
    let expected = JobListing(
      all: ids, running: ["1.pbsserver"], states: ["1.pbsserver": .running, "12.pbsserver": .held])
    #expect(try await pbs.list(telling: []) == expected)
    #expect(try scripted.arguments(of: "qstat") == ["-w", "-u", pbs.user])
    // A job of another server would lead qstat and qdel to that host; it is said once.
    _ = try await pbs.list(telling: [])
    #expect(
      log.all.filter { $0.contains("elsewhere") }
        == ["warning: 7.elsewhere: no job of this PBS server, and left alone"])
  }

  @Test @EventLoop func listsByIDsWhereTheTableShortensThem() async throws {
    let shortened = Self.table.replacing("12.pbsserver  ", with: "12.a-server-with-a-long-name-*")
    try scripted.command("qstat", output: Data(shortened.utf8))
    try scripted.command("qselect", output: Data("1.pbsserver\n12.pbsserver\n".utf8))
    let pbs = try scripted.pbs()
    let ids: Set = ["1.pbsserver", "12.pbsserver"]
    #expect(try await pbs.list(telling: []) == JobListing(all: ids, running: ids))
    #expect(try await pbs.list(telling: []) == JobListing(all: ids, running: ids))
    #expect(try scripted.arguments(of: "qstat") == ["-w", "-u", pbs.user])
    #expect(
      try scripted.arguments(of: "qselect").filter { $0 != "-u" && $0 != pbs.user }
        == ["-s", "R", "-s", "R"])
  }

  @Test(arguments: ["1.pbsserver\n", "words\n", table + "qstat: words\n", String(table.dropLast())])
  @EventLoop func aListOfSomethingElseIsAnError(_ output: String) async throws {
    try scripted.command("qstat", output: Data(output.utf8))
    let pbs = try scripted.pbs()
    await #expect(
      throws: PBSError.unavailable("qstat printed something else than a table of jobs")
    ) {
      try await pbs.list(telling: [])
    }
  }

  // MARK: qdel

  /// A job that has ended already, or that nobody knows, counts as deleted.
  @Test(arguments: [
    ("", 0), ("qdel: Unknown Job Id 5.pbsserver\n", 153),
    ("qdel: Job has finished 5.pbsserver\n", 35),
  ])
  @EventLoop func deletesAJob(_ words: String, _ status: Int32) async throws {
    try scripted.command("qdel", error: words, status: status)
    let pbs = try scripted.pbs()
    try await pbs.delete("5.pbsserver", force: false)
    try await pbs.delete("6.pbsserver", force: true)
    #expect(
      try scripted.arguments(of: "qdel") == ["5.pbsserver", "-W", "force", "6.pbsserver"])
  }

  @Test(arguments: [
    ("qdel: Unauthorized Request  5.pbsserver\n", 159, PBSError.unauthorized("")),
    ("qdel: Server could not connect to MOM 5.pbsserver\n", 222, .busy("")),
    ("qdel: Request invalid for state of job 5.pbsserver\n", 168, .busy("")),
  ])
  @EventLoop func tellsWhyAJobCannotBeDeleted(
    _ words: String, _ status: Int32, _ error: PBSError
  ) async throws {
    try scripted.command("qdel", error: words, status: status)
    let pbs = try scripted.pbs()
    let words = words.trimmingWhitespace()
    let expected: PBSError =
      if case .unauthorized = error { .unauthorized(words) } else { .busy(words) }
    await #expect(throws: expected) { try await pbs.delete("5.pbsserver", force: false) }
  }

  @Test(arguments: ["workq", "-Q", "", "5.elsewhere", "5", "05.pbsserver", "5.pbsserver@elsewhere"])
  @EventLoop func nothingButAJobOfOursIsAnOperand(_ text: String) async throws {
    try scripted.command("qdel")
    let pbs = try scripted.pbs()
    await #expect(throws: PBSError.refused("\(text) is no job of this PBS server")) {
      try await pbs.delete(text, force: false)
    }
    #expect(try await pbs.stat([text]) == JobStat(jobs: [], unknown: [], unreadable: [text]))
    #expect(throws: (any Error).self) { try scripted.arguments(of: "qdel") }
    #expect(throws: (any Error).self) { try scripted.arguments(of: "qstat") }
  }

  /// What qsub calls its jobs' server counts, whatever else the server is called.
  @Test @EventLoop func theServersNameIsTheOneInItsJobsIDs() async throws {
    try scripted.command("qsub", output: Data("5.pbs.site.org\n".utf8))
    try scripted.command("qdel")
    let pbs = try scripted.pbs()
    _ = try await pbs.submit(ScriptedPBS.job)
    try await pbs.delete("5.pbs.site.org", force: false)
    #expect(try scripted.arguments(of: "qdel") == ["5.pbs.site.org"])
  }

  // MARK: pbsnodes, qstat -B

  @Test @EventLoop func tellsTheServersName() async throws {
    #expect(try await scripted.pbs().server() == "pbsserver")
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

      node5[0]
           state = Stale
           resources_available.host = node5

      node5[1]
           state = down
           resources_available.host = node5

      node6
           state = provisioning
           resources_available.host = node6

      node7
           Mom = node7


      """
    try scripted.command("pbsnodes", output: Data(output.utf8))
    let log = LogLines()
    let hosts = try await scripted.pbs(log: log).hosts()
    #expect(
      hosts.all == [
        "node1", "node2", "host2", "node3", "node4", "node5", "node5[0]", "node5[1]", "node6",
      ])
    // Of node5 another vnode can be reached.
    #expect(hosts.down == ["node2", "host2", "node4", "node5[1]"])
    #expect(
      log.all.contains("warning: node7: pbsnodes tells of it what cannot be read, which is ignored")
    )
    #expect(try scripted.arguments(of: "pbsnodes") == ["-av"])
  }

  @Test @EventLoop func readsTheRecordingOfVnodes() async throws {
    let recording = try RecordedAnswer("pbs/pbsnodes-vnodes.txt")
    try scripted.command("pbsnodes", output: recording.standardOutput)
    let hosts = try await scripted.pbs().hosts()
    #expect(hosts.vnodes.map(\.name) == ["node1", "node2"])
    for vnode in hosts.vnodes {
      #expect(vnode.host == vnode.name && vnode.mom == vnode.name)
      #expect(!vnode.isDown && !vnode.isOffline && vnode.comment == nil)
      #expect(vnode.resources["host"] == vnode.name)
    }
  }

  @Test @EventLoop func hostsThatAreCutOffAreAnError() async throws {
    let recording = try RecordedAnswer("pbs/pbsnodes-vnodes.txt")
    try scripted.command("pbsnodes", output: recording.standardOutput.dropLast(100))
    let pbs = try scripted.pbs()
    await #expect(throws: PBSError.unavailable("pbsnodes' answer was cut off")) {
      try await pbs.hosts()
    }
  }
}
