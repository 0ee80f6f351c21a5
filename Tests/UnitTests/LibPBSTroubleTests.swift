import FoundationEssentials
import Testing

@testable import Runtime
@testable import Startup
@testable import pbs_broker

/// What becomes of requests while helpers die, hang or lose their connection, and which backend is
/// chosen where a libpbs cannot be used.
@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct LibPBSTroubleTests {
  // MARK: Helpers

  @Test @EventLoop func aCrashLosesNothingButWhatWasInFlight() async throws {
    let fake = try await FakeLibrary()
    let log = LogLines()
    let pbs = fake.pbs(log: log)
    _ = try await pbs.server()
    try fake.troubles("pbs_submit:crash")
    async let first: String = pbs.submit(ScriptedPBS.job)
    async let second: String = pbs.submit(ScriptedPBS.job)
    var answers: [String] = []
    do { answers.append(try await first) } catch { answers.append("\(error)") }
    do { answers.append(try await second) } catch { answers.append("\(error)") }
    #expect(
      answers.sorted() == ["5.pbsserver", "libpbs's helper: it was ended by signal 6"])
    // What was in flight is never submitted a second time.
    #expect(fake.count("pbs_submit") == 2)
    #expect(fake.count("pbs_connect") == 2)
    #expect(log.all.count { $0.hasPrefix("warning: libpbs's helper ended during pbs_submit") } == 1)
  }

  @Test(arguments: ["eof", "crash"])
  @EventLoop func whatMayBeAskedTwiceIsAskedOnAnotherConnection(_ trouble: String) async throws {
    let fake = try await FakeLibrary()
    let pbs = fake.pbs()
    try fake.tells([FakeLibrary.job("5.pbsserver")])
    _ = try await pbs.list(telling: [])
    try fake.troubles("pbs_selstat:\(trouble)")
    let listing = try await pbs.list(telling: [])
    // The new helper does not know what the old one has told.
    #expect(listing.all == ["5.pbsserver"])
    #expect(listing.changed.jobs.count == 1)
    #expect(fake.count("pbs_connect") == 2)
  }

  @Test @EventLoop func aServerThatHangsIsGivenUp() async throws {
    let fake = try await FakeLibrary()
    let log = LogLines()
    let pbs = fake.pbs(timeout: 1, log: log)
    _ = try await pbs.server()
    try fake.troubles("pbs_submit:hang")
    await #expect(
      throws: PBSError.unavailable("libpbs's helper: pbs_submit did not answer within 1.0 s")
    ) { try await pbs.submit(ScriptedPBS.job) }
    #expect(try await pbs.submit(ScriptedPBS.job) == "5.pbsserver")
    #expect(fake.count("pbs_submit") == 2)
  }

  @Test @EventLoop func helpersThatAreOfNoUseAreStartedMoreAndMoreSeldom() async throws {
    let fake = try await FakeLibrary()
    let log = LogLines()
    let pbs = fake.pbs(log: log)
    try fake.folder.write(
      "trouble", String(repeating: "pbs_connect:crash\n", count: 60))
    let began = SystemClock().now
    for _ in 1...4 { await #expect(throws: PBSError.self) { try await pbs.server() } }
    // The last three waited for at least half of 0.1, 0.2 and 0.4 s.
    #expect(SystemClock().now - began >= 0.35)
    #expect(fake.count("pbs_connect") == 4)
  }

  // MARK: Choosing

  @EventLoop private static func choice(
    _ kind: BackendKind, _ fake: FakeLibrary, _ log: LogLines = LogLines()
  ) async throws -> any PBSBackend {
    let settings = try BrokerSettings(Settings(path: nil, program: "pbs-broker"))
    return try await kind.backend(
      of: fake.installation, settings: settings, helper: FakeLibrary.program,
      environment: ["PBS_FAKE_FOLDER": fake.folder.path], clock: SystemClock(),
      log: log.logger)
  }

  @Test @EventLoop func takesTheLibraryWhereItWorks() async throws {
    let fake = try await FakeLibrary()
    let log = LogLines()
    let chosen = try await Self.choice(.auto, fake, log)
    #expect(chosen is LibPBS)
    #expect(log.all == ["notice: talks to PBS server pbsserver by \(fake.path)"])
    let commands = try await Self.choice(.commands, fake)
    #expect(commands is PBSCommands)
  }

  /// What is wrong with the library, and what the log says of it.
  enum Defect: CaseIterable { case missing, noLibrary, otherArchitecture, noSymbol, refused, deaf }

  @Test(arguments: Defect.allCases)
  @EventLoop func elseTakesTheCommandsAndSaysWhy(_ defect: Defect) async throws {
    let fake = try await FakeLibrary(flags: defect == .noSymbol ? ["-DWITHOUT_STATFREE"] : [])
    let words: String
    switch defect {
    case .missing:
      try FileManager.default.removeItem(atPath: fake.path)
      words = "there is no \(fake.path)"
    case .noLibrary:
      try fake.folder.write("lib/libpbs.so", "INPUT(x)")
      words = "file too short"
    case .otherArchitecture:
      var octets = try Data(contentsOf: URL(filePath: fake.path))
      octets[18] = 0xB7  // e_machine: EM_AARCH64
      try octets.write(to: URL(filePath: fake.path))
      words = "cannot open shared object file"
    case .noSymbol: words = "it has no pbs_statfree"
    case .refused:
      try fake.troubles("pbs_statserver:15007:Unauthorized Request")
      words = "Unauthorized Request"
    case .deaf:
      // The server does not understand it, but the commands.
      try fake.troubles("pbs_statserver:eof")
      words = "Batch protocol error"
    }
    let log = LogLines()
    let chosen = try await Self.choice(.auto, fake, log)
    #expect(chosen is PBSCommands)
    let line = try #require(log.all.last)
    #expect(line.hasPrefix("notice: talks to PBS by its commands"))
    #expect(line.contains(words), "\(line)")
    #expect(log.all.count { $0.hasPrefix("notice") } == 1)
    if [.noSymbol, .otherArchitecture, .noLibrary].contains(defect) {
      await #expect(throws: StartupError.self) { @EventLoop in
        _ = try await Self.choice(.libpbs, fake)
      }
    }
  }

  @Test @EventLoop func takesTheLibraryWherePBSIsAway() async throws {
    let fake = try await FakeLibrary()
    try fake.troubles("pbs_connect:111")
    try fake.scripted.script("qstat", "exit 1")
    try FileManager.default.removeItem(atPath: "\(fake.folder.path)/bin/qstat")
    let log = LogLines()
    let pbs = try await Self.choice(.auto, fake, log)
    #expect(pbs is LibPBS)
    #expect(
      log.all.last
        == "notice: talks to PBS by \(fake.path), which does not answer yet: cannot connect to PBS: Connection refused"
    )
    #expect(try await pbs.server() == "pbsserver")
  }
}
