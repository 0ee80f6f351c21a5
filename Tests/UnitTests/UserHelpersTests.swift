import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import pbs_broker

/// Helpers of libpbs that become other users of this host; that, root alone can try.
@Suite(
  .runningLoop, .timeLimit(.minutes(3)),
  .enabled(if: geteuid() == 0, "only root can become another user"))
struct UserHelpersTests {
  private static let users = SubmittingUsers(
    own: "root", leastUID: 1, directory: UserDirectory(clock: SystemClock()))

  private static func user(_ name: String) throws -> PBSUser {
    guard case .known(let user) = PBSUser.lookUp(name) else { throw POSIXFailure(name) }
    return user
  }

  /// A library that everybody may use.
  @EventLoop private func library() async throws -> FakeLibrary {
    let fake = try await FakeLibrary()
    guard chmod(fake.folder.path, 0o777) == 0 else { throw POSIXFailure("chmod") }
    try fake.folder.write("calls", "")
    guard chmod("\(fake.folder.path)/calls", 0o666) == 0 else { throw POSIXFailure("chmod") }
    return fake
  }

  @EventLoop private func helpers(
    of fake: FakeLibrary, most: Int = 16, idleTime: Double = 300, users: SubmittingUsers = users
  ) -> UserHelpers {
    UserHelpers(
      LibraryClient.Program(
        path: FakeLibrary.program, arguments: [LibraryHelper.argument, fake.path],
        environment: ["PBS_FAKE_FOLDER": fake.folder.path, "HOME": "/root", "SECRET": "1"]),
      users: users, most: most, idleTime: idleTime, timeout: 30, clock: SystemClock(),
      log: LogLines().logger)
  }

  private static func job(of user: String?) -> JobDescription {
    var job = ScriptedPBS.job
    job.user = user
    return job
  }

  /// What a helper has told of itself, by the user's id.
  private func process(_ uid: uid_t, _ fake: FakeLibrary) throws -> [String] {
    try String(contentsOf: URL(filePath: "\(fake.folder.path)/process.\(uid)"), encoding: .utf8)
      .split(separator: "\n").map {
        $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
  }

  @Test @EventLoop func aHelperIsThatUserAndNobodyElse() async throws {
    let fake = try await library()
    let pbs = fake.pbs(users: Self.users)
    #expect(try await pbs.submit(Self.job(of: "daemon")) == "5.pbsserver")
    let told = try process(1, fake)
    for line in [
      "Uid: 1 1 1 1", "Gid: 1 1 1 1", "Groups: 1", "CapInh: 0000000000000000",
      "CapPrm: 0000000000000000", "CapEff: 0000000000000000", "CapAmb: 0000000000000000",
      "USER=daemon", "LOGNAME=daemon", "HOME=/usr/sbin", "dumpable 0",
    ] { #expect(told.contains(line), "no \(line) in \(told)") }
    #expect(!told.contains { $0.hasPrefix("SECRET") })
    let descriptors = told.filter { $0.hasPrefix("open ") }.compactMap { Int($0.dropFirst(5)) }
    // Its socket, what it prints, which goes through a pipe, and that pipe.
    #expect(descriptors.sorted().prefix(3) == [0, 1, 2] && descriptors.count <= 4)
    #expect(fake.calls.contains { $0.contains("PBS_O_LOGNAME=daemon") })
    // Looking is our own helper's, once for all.
    _ = try await pbs.list(telling: [])
    #expect(try process(0, fake).contains("Uid: 0 0 0 0"))
  }

  @Test @EventLoop func aJobIsDeletedByItsOwner() async throws {
    let fake = try await library()
    let pbs = fake.pbs(users: Self.users)
    try await pbs.delete("5.pbsserver", of: "daemon", force: false)
    #expect(try process(1, fake).contains("Uid: 1 1 1 1"))
    // Whom nobody can be, our own user stands in for.
    try await pbs.delete("6.pbsserver", of: "no-such-user", force: false)
    #expect(fake.calls.contains("pbs_deljob 6.pbsserver -"))
  }

  @Test @EventLoop func nobodyBecomesRootOrAUserBelowTheLeast() async throws {
    let fake = try await library()
    let users = SubmittingUsers(
      own: "pbs-broker", directory: UserDirectory(clock: SystemClock()))
    let pbs = fake.pbs(users: users)
    for name in ["root", "daemon", "no-such-user"] {
      await #expect(throws: PBSError.self) { try await pbs.submit(Self.job(of: name)) }
    }
    #expect(fake.count("pbs_connect") == 0)
    // Nor does a helper that is asked to.
    let sly = LibraryClient(
      LibraryClient.Program(
        path: FakeLibrary.program,
        arguments: [LibraryHelper.argument, fake.path, "daemon", "1000"],
        environment: ["PBS_FAKE_FOLDER": fake.folder.path]), timeout: 30, clock: SystemClock(),
      log: LogLines().logger)
    await #expect(
      throws: LibraryFailure(user: "daemon", "that is not allowed")
    ) { try await sly.ask(.server) }
    #expect(fake.count("pbs_connect") == 0)
  }

  @Test @EventLoop func helpersThatIdleAreEnded() async throws {
    let fake = try await library()
    let helpers = helpers(of: fake, idleTime: 0.2)
    _ = try await helpers.ask(.server, as: Self.user("daemon"))
    _ = try await helpers.ask(.server, as: Self.user("bin"))
    #expect(await soon { helpers.count == 0 })
    _ = try await helpers.ask(.server, as: Self.user("daemon"))
    #expect(fake.count("pbs_connect") == 3)
  }

  /// While all of them are busy, who comes later waits, and all have their turn.
  @Test @EventLoop func theirNumberIsBounded() async throws {
    let fake = try await library()
    let helpers = helpers(of: fake, most: 2)
    let tasks = ["daemon", "bin", "sys", "games", "daemon", "bin"].map { name in
      Task { @EventLoop in
        _ = try await helpers.ask(.server, as: Self.user(name))
        return helpers.count
      }
    }
    var counts: [Int] = []
    for task in tasks { counts.append(try await task.value) }
    #expect(counts.max() == 2)
    #expect(fake.count("pbs_connect") >= 4)
  }

  @Test @EventLoop func commandsRunAsTheirUser() async throws {
    let scripted = try ScriptedPBS()
    guard chmod(scripted.folder.path, 0o777) == 0 else { throw POSIXFailure("chmod") }
    try scripted.script(
      "qsub",
      "grep -E '^(Uid|Cap(Prm|Eff|Amb)):' /proc/self/status >who; env >>who; echo 5.pbsserver")
    let pbs = try scripted.pbs(users: Self.users)
    #expect(try await pbs.submit(Self.job(of: "daemon")) == "5.pbsserver")
    let who = try String(
      contentsOf: URL(filePath: "\(scripted.folder.path)/who"), encoding: .utf8)
    #expect(who.contains("Uid:\t1\t1\t1\t1") && who.contains("CapEff:\t0000000000000000"))
    #expect(who.contains("LOGNAME=daemon") && who.contains("HOME=/usr/sbin"))
    try scripted.script("qdel", "id -un >deleter")
    try await pbs.delete("5.pbsserver", of: "daemon", force: false)
    let deleter = try String(
      contentsOf: URL(filePath: "\(scripted.folder.path)/deleter"), encoding: .utf8)
    #expect(deleter == "daemon\n")
  }
}
