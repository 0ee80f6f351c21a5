import FoundationEssentials
import Testing

@testable import Runtime
@testable import pbs_broker

/// Commands that must wait, and commands that do not answer.
@Suite(.runningLoop, .timeLimit(.minutes(2)))
struct PBSCommandRunnerTests {
  private let scripted: ScriptedPBS
  private let log = LogLines()

  init() throws {
    scripted = try ScriptedPBS()
  }

  @EventLoop private func runner(
    connectionsPerMinute: Int = 1000, timeout: Double = 60, patience: Double = 0.1
  ) -> PBSCommandRunner {
    PBSCommandRunner(
      PBSInstallation(exec: scripted.folder.path), environment: [:], timeout: timeout,
      connectionsPerMinute: connectionsPerMinute, patience: patience, clock: SystemClock(),
      log: log.logger)
  }

  private var said: [String] { log.all.filter { !$0.hasPrefix("trace") } }

  @Test @EventLoop func aCommandThatDoesNotAnswerIsLoggedOnceAndWhenItIsOver() async throws {
    try scripted.script("qsub", "while ! [ -e over ]; do /bin/sleep 0.05; done")
    let runner = runner()
    async let first = runner.run("qsub", [], for: .action)
    async let second = runner.run("qsub", [], for: .action)
    let log = log
    while !log.all.contains("warning: qsub has not answered for 0.1 s") {
      try await SystemClock().sleep(seconds: 0.05)
    }
    // On the loop that the commands' own timers are on: the second one's has come by then.
    try await SystemClock().sleep(seconds: 0.5)
    try scripted.folder.write("over", "")
    _ = try await (first, second)
    #expect(said.count == 2)
    #expect(said[1].hasPrefix("notice: qsub answers again after"))
  }

  @Test @EventLoop func aCommandThatIsKilledHasNotAnswered() async throws {
    try scripted.script("qsub", "exec /bin/sleep 60")
    let runner = runner(timeout: 0.3)
    for _ in 0..<2 {
      await #expect(
        throws: PBSError.unavailable(
          "\(scripted.folder.path)/bin/qsub did not end within 0.3 s")
      ) { try await runner.run("qsub", [], for: .action) }
    }
    #expect(said == ["warning: qsub has not answered for 0.1 s"])
  }

  @Test @EventLoop func commandsWaitWhenTheBudgetIsUsedUpAndItIsSaidOnce() async throws {
    try scripted.script("qstat", "exit 0")
    try scripted.script("qsub", "exit 0")
    let runner = runner(connectionsPerMinute: 6, patience: 60)
    #expect(runner.connectionsLeft(for: .look) == 2)
    _ = try await runner.run("qstat", ["-w"], for: .look)
    _ = try await runner.run("qsub", [], for: .action)
    #expect(runner.connectionsLeft(for: .look) == 1)
    let begun = SystemClock().now
    let waiting = Task { @EventLoop in
      for _ in 0..<2 { _ = try? await runner.run("qstat", ["-w"], for: .look) }
    }
    let log = log
    while !log.all.contains(where: { $0.hasPrefix("notice: PBS's commands for looks wait: 2 of") })
    {
      try await SystemClock().sleep(seconds: 0.05)
    }
    // Looks wait; an action does not.
    _ = try await runner.run("qsub", [], for: .action)
    #expect(SystemClock().now - begun < 20)
    #expect(said.count == 1)
    waiting.cancel()
    await waiting.value
    #expect(said.count == 1)
  }

  /// Whoever acts looks again when his turn has come; the command itself does not wait then.
  @Test @EventLoop func aTurnThatWasWaitedForIsTheNextCommands() async throws {
    try scripted.script("qsub", "exit 0")
    let runner = runner(connectionsPerMinute: 6, patience: 60)
    let left = runner.connectionsLeft(for: .action)
    await runner.turn(for: .action)
    #expect(runner.connectionsLeft(for: .action) == left - 1)
    _ = try await runner.run("qsub", [], for: .action)
    #expect(runner.connectionsLeft(for: .action) == left - 1)
    _ = try await runner.run("qsub", [], for: .action)
    #expect(runner.connectionsLeft(for: .action) == left - 2)
  }
}
