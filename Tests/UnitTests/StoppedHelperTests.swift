import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import pbs_broker

/// Users who stop their helpers, or keep them busy, keep no other user out.
@Suite(
  .runningLoop, .timeLimit(.minutes(2)),
  .enabled(if: geteuid() == 0, "only root can become another user"))
struct StoppedHelperTests {
  private static let users = SubmittingUsers(
    own: "root", leastUID: 1, directory: UserDirectory(clock: SystemClock()))

  private static func user(_ name: String) throws -> PBSUser {
    guard case .known(let user) = PBSUser.lookUp(name) else { throw POSIXFailure(name) }
    return user
  }

  @EventLoop private func helpers(timeout: Double) async throws -> (FakeLibrary, UserHelpers) {
    let fake = try await FakeLibrary()
    guard chmod(fake.folder.path, 0o777) == 0 else { throw POSIXFailure("chmod") }
    try fake.folder.write("calls", "")
    guard chmod("\(fake.folder.path)/calls", 0o666) == 0 else { throw POSIXFailure("chmod") }
    let program = LibraryClient.Program(
      path: FakeLibrary.program, arguments: [LibraryHelper.argument, fake.path],
      environment: ["PBS_FAKE_FOLDER": fake.folder.path, "HOME": "/root"])
    return (
      fake,
      UserHelpers(
        program, users: Self.users, most: 1, timeout: timeout, clock: SystemClock(),
        log: LogLines().logger)
    )
  }

  /// Our children that are this user's.
  private func children(of uid: uid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
      .filter { pid in
        let status = try? String(contentsOf: URL(filePath: "/proc/\(pid)/status"), encoding: .utf8)
        let lines = status?.split(separator: "\n").map { line in
          line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        return lines?.contains("PPid: \(getpid())") == true
          && lines?.contains("Uid: \(uid) \(uid) \(uid) \(uid)") == true
      }
  }

  @Test @EventLoop func whoStopsHisHelperHasItForHisRequestAlone() async throws {
    let (fake, helpers) = try await helpers(timeout: 1)
    _ = try await helpers.ask(.server, as: Self.user("daemon"))
    let stopped = try children(of: 1)
    #expect(stopped.count == 1)
    for pid in stopped { kill(pid, SIGSTOP) }
    let task = Task { @EventLoop in
      _ = await #expect(throws: LibraryFailure.self) {
        try await helpers.ask(.delete(job: "1.pbsserver", force: false), as: Self.user("daemon"))
      }
    }
    // His request has his helper before the other one comes.
    #expect(await soon { helpers.busy == 1 })
    _ = try await helpers.ask(.server, as: Self.user("bin"))
    #expect(helpers.count == 1)
    await task.value
    #expect(try children(of: 1).isEmpty)
    #expect(fake.count("pbs_connect") == 2)
  }

  /// Two requests of one user at a time, without end, are no reason for the next one to wait for ever.
  @Test @EventLoop func whoIsAlwaysBusyGivesItsPlaceUp() async throws {
    let (fake, helpers) = try await helpers(timeout: 30)
    var isServed = false
    let busy = (0..<2).map { _ in
      Task { @EventLoop in
        while !isServed { _ = try await helpers.ask(.server, as: Self.user("daemon")) }
      }
    }
    #expect(await soon { fake.count("pbs_connect") == 1 })
    _ = try await helpers.ask(.server, as: Self.user("bin"))
    isServed = true
    for task in busy { try await task.value }
    #expect(fake.count("pbs_connect") >= 2 && helpers.count == 1)
  }
}
