import CLinux
import FoundationEssentials
import Glibc
import Testing
import Text

@testable import Runtime
@testable import Wire

@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct ChildProcessTests {
  @EventLoop private func run(
    _ program: String, _ arguments: [String],
    environment: [String: String] = ["PATH": "/usr/bin:/bin"],
    timeout: Double = 60
  ) async throws -> CommandResult {
    try await ChildProcess.run(
      program, arguments, environment: environment, timeout: timeout, clock: SystemClock())
  }

  @EventLoop private func shell(_ script: String, timeout: Double = 60) async throws
    -> CommandResult
  {
    try await run("/bin/sh", ["-c", script], timeout: timeout)
  }

  /// A script, and the status of its end.
  @Test(arguments: [
    ("true", 0), ("exit 1", 1), ("exit 35", 35), ("exit 255", 255), ("kill -9 $$", 137),
    ("kill -15 $$", 143),
  ])
  @EventLoop func tellsTheExitStatus(_ script: String, _ status: Int32) async throws {
    #expect(try await shell(script).status == status)
  }

  @Test @EventLoop func keepsTheTwoOutputsApart() async throws {
    let result = try await shell("echo one; echo two >&2; echo three; echo ' four ' >&2")
    #expect(result.standardOutput == Data("one\nthree\n".utf8))
    #expect(result.standardError == Data("two\n four \n".utf8))
    #expect(result.words == "two; four")
  }

  @Test @EventLoop func itsWordsAreItsOutputWhereItComplainsOfNothing() async throws {
    #expect(try await shell("echo one; echo two").words == "one; two")
  }

  @Test @EventLoop func argumentsAreNotForAShell() async throws {
    let arguments = ["%s|", "a b", "$HOME", "`id`", "*", "", "'", "\"", "\n", ";", "é"]
    let result = try await run("/usr/bin/printf", arguments)
    #expect(
      result.standardOutput == Data((arguments.dropFirst().joined(separator: "|") + "|").utf8))
  }

  @Test @EventLoop func theEnvironmentIsTheOneGiven() async throws {
    let result = try await run("/usr/bin/env", [], environment: ["A": "1", "B": "x=y z"])
    let lines = String(decoding: result.standardOutput, as: UTF8.self).split(separator: "\n")
    #expect(lines.sorted() == ["A=1", "B=x=y z"])
  }

  @Test @EventLoop func standardInputIsEmpty() async throws {
    let result = try await shell("cat; echo end")
    #expect(result.standardOutput == Data("end\n".utf8))
  }

  @Test @EventLoop func noDescriptorOfOursIsHandedOn() async throws {
    let folder = try TemporaryFolder()
    let listener = try UnixSocket.listen(path: "\(folder.path)/a.sock")
    let connection = try UnixSocket.connect(path: "\(folder.path)/a.sock")
    let accepted = connector_accept(listener)
    defer { for descriptor in [listener, connection, accepted] { close(descriptor) } }
    let result = try await run("/bin/ls", ["-l", "/proc/self/fd"])
    let descriptors = String(decoding: result.standardOutput, as: UTF8.self)
    #expect(descriptors.contains("pipe:["))
    for descriptor in [listener, connection, accepted] {
      var information = stat()
      #expect(fstat(descriptor, &information) == 0)
      #expect(!descriptors.contains("socket:[\(information.st_ino)]"))
    }
    #expect(!descriptors.contains("[eventpoll]") && !descriptors.contains("[eventfd]"))
  }

  @Test @EventLoop func signalsAreNeitherBlockedNorIgnored() async throws {
    let result = try await shell("grep -E 'SigBlk|SigIgn' /proc/self/status")
    let masks = String(decoding: result.standardOutput, as: UTF8.self).split(separator: "\n")
    #expect(masks.count == 2)
    for mask in masks {
      let bits = try #require(UInt64(mask.split(separator: "\t").last ?? "", radix: 16))
      // 32 and 33 are glibc's own, which no program can set.
      #expect(bits & ~(1 << 31 | 1 << 32) == 0, "\(mask)")
    }
  }

  @Test @EventLoop func takesMuchOutput() async throws {
    let result = try await shell("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2")
    #expect(result.standardOutput.count == 3_000_000)
    #expect(result.standardError.count == 2_000_000)
  }

  @Test(arguments: [
    ("/nonexistent/qstat", "cannot start /nonexistent/qstat: No such file or directory"),
    ("/proc/version", "cannot start /proc/version: Permission denied"),
    ("/etc", "cannot start /etc: Permission denied"),
  ])
  @EventLoop func saysWhyAProgramCannotStart(_ program: String, _ words: String) async throws {
    let error = await #expect(throws: CommandError.self) { try await run(program, []) }
    #expect(error?.description == words)
  }

  @Test @EventLoop func killsWhatTakesTooLong() async throws {
    let folder = try TemporaryFolder()
    let begun = SystemClock().now
    let error = await #expect(throws: CommandError.self) {
      try await shell("echo $$ >\(folder.path)/pid; exec sleep 300", timeout: 0.5)
    }
    #expect(error?.description == "/bin/sh did not end within 0.5 s")
    #expect(SystemClock().now - begun < 60)
    let text = try String(contentsOf: URL(filePath: "\(folder.path)/pid"), encoding: .utf8)
    let pid = try #require(pid_t(text.trimmingWhitespace()))
    #expect(kill(pid, 0) == -1 && errno == ESRCH)
  }

  /// A child that is gone has ended, whoever else still holds its output open.
  @Test @EventLoop func doesNotWaitForGrandchildren() async throws {
    let begun = SystemClock().now
    let result = try await shell("sleep 300 & echo $!; exit 3")
    #expect(result.status == 3)
    #expect(SystemClock().now - begun < 60)
    let pid = try #require(
      pid_t(String(decoding: result.standardOutput, as: UTF8.self).trimmingWhitespace()))
    #expect(kill(pid, SIGKILL) == 0)
  }

  @Test @EventLoop func runsManyAtOnce() async throws {
    let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
      for status in 0..<50 {
        group.addTask {
          try await ChildProcess.run(
            "/bin/sh", ["-c", "exit \(status)"], environment: [:], timeout: 60, clock: SystemClock()
          ).status
        }
      }
      var statuses: [Int32] = []
      for try await status in group { statuses.append(status) }
      return statuses
    }
    #expect(statuses.sorted() == Array(0..<50))
  }

  @Test @EventLoop func leavesNoDescriptorsBehind() async throws {
    func open() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
    _ = try await shell("true")
    let before = try open()
    for _ in 0..<100 { _ = try await shell("true") }
    _ = try? await run("/nonexistent/qstat", [])
    // Other tests open a few of their own meanwhile.
    #expect(try open() < before + 100)
  }
}
