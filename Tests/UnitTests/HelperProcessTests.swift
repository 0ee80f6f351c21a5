import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Text
@testable import Wire

/// A helper's life: frames both ways, and its end, however it comes.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct HelperProcessTests {
  /// A shell as helper; `cat` on a socket echoes frames.
  @EventLoop private static func shell(_ script: String) throws -> HelperProcess {
    try HelperProcess(
      "/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin"], clock: SystemClock())
  }

  @Test @EventLoop func framesGoBothWays() async throws {
    let helper = try Self.shell("exec cat <&0 >&0")
    var heard: [String] = []
    helper.onFrame = { heard.append(String(decoding: $0, as: UTF8.self)) }
    for number in 1...3 { helper.send(Data("{\"n\":\(number)}".utf8)) }
    #expect(await soon { heard.count == 3 })
    #expect(heard == ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"])
  }

  /// What a helper does, and what is said of its end.
  @Test(arguments: [
    ("exit 3", "it ended with status 3"), ("kill -SEGV $$", "it was ended by signal 11"),
    ("printf 'nonsense' >&0; sleep 60", "a frame's length is not a decimal number: \"nonsense\""),
  ])
  @EventLoop func saysHowItEnded(_ script: String, _ reason: String) async throws {
    let helper = try Self.shell(script)
    var ends: [String] = []
    helper.onEnd = { ends.append($0) }
    #expect(await soon { !ends.isEmpty })
    #expect(ends == [reason])
  }

  @Test @EventLoop func whatItWroteBeforeItsEndIsHeard() async throws {
    let helper = try Self.shell("printf '8 {\"n\":1}\\n' >&0")
    var heard: [String] = []
    helper.onFrame = { heard.append(String(decoding: $0, as: UTF8.self)) }
    helper.onEnd = { heard.append($0) }
    #expect(await soon { heard.count == 2 })
    #expect(heard == ["{\"n\":1}", "it ended with status 0"])
  }

  @Test @EventLoop func isKilledForAReason() async throws {
    let helper = try Self.shell("sleep 60")
    var ends: [String] = []
    helper.onEnd = { ends.append($0) }
    helper.kill("it took too long")
    helper.kill("again")
    #expect(ends == ["it took too long"])
  }

  @Test @EventLoop func isKilledWithItsObject() async throws {
    let folder = try TemporaryFolder()
    let file = "\(folder.path)/pid"
    var helper: HelperProcess? = try Self.shell(
      "echo $$ >\(file).new; mv \(file).new \(file); exec sleep 60")
    #expect(await soon { access(file, F_OK) == 0 })
    let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
    let pid = try #require(pid_t(text.trimmingWhitespace()))
    #expect(helper != nil)
    helper = nil
    // Reaped too: nobody has this number any more.
    #expect(await soon { Glibc.kill(pid, 0) != 0 && errno == ESRCH })
  }

  @Test @EventLoop func aProgramThatIsNotThereIsNoHelper() {
    #expect(throws: CommandError.self) {
      _ = try HelperProcess("/nonexistent", [], environment: [:], clock: SystemClock())
    }
  }
}
