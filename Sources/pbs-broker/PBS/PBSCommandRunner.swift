import ConnectorMetrics
import FoundationEssentials
import Glibc
import Logging
import Runtime
import Text

/// Runs PBS's commands: within the budget of connections, with a limit of time, and saying so when
/// one does not answer. Arguments go in a vector; no shell ever sees them.
@EventLoop
final class PBSCommandRunner {
  /// Seconds after which a command that has not answered is logged.
  static let patience = 5.0
  /// The most that a command of another user may print on one stream, in octets: an id, or a
  /// complaint. It is in his hands.
  private static let othersOutputLimit = 1 << 16
  /// Seconds for which a turn that has come lasts.
  private static let turnLasts = 1.0
  /// Seconds that a command may wait for the budget before that is logged.
  private static let quietWait = 1.0

  private let installation: PBSInstallation
  private let environment: [String: String]
  private let program: String
  private let leastUID: uid_t
  private let timeout: Double
  private let patience: Double
  private let clock: any Clock
  private let log: Logger
  private var budget: ConnectionBudget
  /// Uses whose commands wait, which has been logged.
  private var waiting: Set<ConnectionUse> = []
  /// Turns that were waited for and not used yet: when each came.
  private var turns: [ConnectionUse: [Double]] = [:]
  /// Commands that did not answer, which has been logged, and since when.
  private var hanging: [String: Double] = [:]

  /// - Parameters:
  ///   - environment: all of the commands' environment.
  ///   - timeout: seconds that a command may take, from its start.
  ///   - connectionsPerMinute: see ``ConnectionBudget``.
  ///   - program: this very program, which runs commands as other users.
  ///   - leastUID: the least user id that these may have.
  init(
    _ installation: PBSInstallation, environment: [String: String], timeout: Double,
    connectionsPerMinute: Int, patience: Double = PBSCommandRunner.patience,
    program: String = "/proc/self/exe", leastUID: uid_t = 1000, clock: any Clock,
    log: Logger
  ) {
    self.program = program
    self.leastUID = leastUID
    self.installation = installation
    self.environment = environment
    self.timeout = timeout
    self.patience = patience
    self.clock = clock
    self.log = log
    budget = ConnectionBudget(limit: connectionsPerMinute)
  }

  /// Connections of one use that need not wait in this minute.
  func connectionsLeft(for use: ConnectionUse) -> Int {
    budget.left(for: use, now: clock.now)
  }

  /// Connections of one use in the last minute, and the most that may be.
  func connections(for use: ConnectionUse) -> (made: Int, most: Int) {
    (budget.made(for: use, now: clock.now), budget.share(of: use))
  }

  /// Waits for the budget; the next command of one connection for this use runs at once then.
  func turn(for use: ConnectionUse) async {
    await waitForTurn(1, use)
    turns[use, default: []].append(clock.now)
  }

  private func takeTurn(_ use: ConnectionUse) -> Bool {
    let now = clock.now
    turns[use]?.removeAll { now - $0 > Self.turnLasts }
    return turns[use]?.popLast() != nil
  }

  /// Runs a command when the budget allows, to its end.
  /// - Parameters:
  ///   - name: "qstat".
  ///   - connections: how many it makes.
  ///   - user: as whom; nil for our own user.
  /// - Throws: ``PBSError/unavailable(_:)`` when it did not come to its end.
  func run(
    _ name: String, _ arguments: [String], for use: ConnectionUse, connections: Int = 1,
    as user: PBSUser? = nil
  ) async throws(PBSError) -> CommandResult {
    if connections != 1 || !takeTurn(use) { await waitForTurn(connections, use) }
    Metric.pbsConnections.count(connections, "\(use)")
    let began = clock.now
    // Another user's command may be stopped by him.
    let words = user.map { "\(name) as user \($0.name)" } ?? name
    let watch = clock.timer { [weak self] in self?.noteHang(of: words, since: began) }
    watch.schedule(after: patience)
    defer { watch.suspend() }
    do {
      let command = installation.command(name)
      let result =
        if let user {
          try await ChildProcess.run(
            program, [AsUser.argument, user.name, "\(leastUID)", command] + arguments,
            environment: user.environment(own: environment), timeout: timeout, clock: clock,
            keepsCapabilities: true, outputLimit: Self.othersOutputLimit)
        } else {
          try await ChildProcess.run(
            command, arguments, environment: environment, timeout: timeout, clock: clock)
        }
      log.trace("\(name) \(QsubArguments.logged(arguments)): exit \(result.status)")
      noteAnswer(of: words)
      return result
    } catch {
      throw .unavailable("\(error)")
    }
  }

  /// Counts connections that a command turned out to have made beyond those taken for it.
  func add(_ connections: Int, for use: ConnectionUse) {
    Metric.pbsConnections.count(max(connections, 0), "\(use)")
    budget.add(connections, for: use, now: clock.now)
  }

  private func waitForTurn(_ connections: Int, _ use: ConnectionUse) async {
    let now = clock.now
    let moment = budget.take(connections, for: use, now: now)
    let share = budget.share(of: use)
    if moment - now > Self.quietWait, waiting.insert(use).inserted {
      log.notice(
        "PBS's commands for \(use)s wait: \(share) of the \(budget.limit) connections a minute (connections-per-minute) are for them and are used up"
      )
    } else if moment <= now, budget.left(for: use, now: now) * 2 >= share,
      waiting.remove(use) != nil
    {
      log.notice("PBS's commands for \(use)s no longer wait")
    }
    guard moment > now else { return }
    // A wait that is cut short, at this process's end, only makes a command run early.
    try? await clock.sleep(seconds: moment - now)
  }

  private func noteHang(of name: String, since began: Double) {
    guard hanging[name] == nil else { return }
    hanging[name] = began
    log.warning("\(name) has not answered for \(String(rounded: patience)) s")
  }

  private func noteAnswer(of name: String) {
    guard let since = hanging.removeValue(forKey: name) else { return }
    log.notice("\(name) answers again after \(String(rounded: clock.now - since)) s")
  }
}
