import ConnectorMetrics
import DequeModule
import FoundationEssentials
import Logging
import Runtime
import Text
import Wire

/// Asks a helper process, one request after the other. It is started when it is needed, and anew
/// when it has died, has lost its connection to PBS, or has not answered in time: then the request
/// that it had is ``PBSError/unavailable(_:)``, unless it may be repeated; the others wait.
@EventLoop
final class LibraryClient {
  /// How a helper is started.
  struct Program: Sendable {
    var path: String
    /// What it is called among the processes.
    var name = "pbs-broker"
    var arguments: [String]
    var environment: [String: String]
    /// Who it becomes, where that is not our own user; for the log.
    var user: String?
    /// Whether it is started with our capabilities, to become that user.
    var keepsCapabilities = false
  }

  private struct Pending {
    let request: HelperRequest
    let timeout: Double
    let continuation: CheckedContinuation<Result<HelperAnswer, LibraryFailure>, Never>
    var answer = HelperAnswer()
    var wasRepeated = false
  }

  /// pbs_error.h: PBSE_IVALREQ.
  private static let invalidRequest = 15004

  private let program: Program
  private let remains: HelperRemains?
  private let timeout: Double
  private let patience: Double
  private let clock: any Clock
  private let log: Logger
  private var helper: HelperProcess?
  /// PBS has answered something through this helper.
  private var hasServed = false
  /// Looks are seldom and short, and go before what is to be done.
  private var looks: Deque<Pending> = []
  private var actions: Deque<Pending> = []
  private var current: Pending?
  private var deadline: Deadline?
  private var watch: (any Timer)?
  /// A helper has ended, and none has answered since.
  private var isTroubled = false
  /// Since when PBS has not answered, which has been logged.
  private var hangsSince: Double?
  /// Each helper takes a reserved port for its connection.
  private var backoff: Backoff
  private var restTimer: (any Timer)?
  private var isResting = false

  /// - Parameters:
  ///   - timeout: seconds after which a helper that has not answered is ended.
  ///   - patience: seconds after which that it has not answered is logged.
  ///   - remains: its helpers of before; nil where each of them can be killed.
  init(
    _ program: Program, timeout: Double, patience: Double = 5, remains: HelperRemains? = nil,
    clock: any Clock, log: Logger
  ) {
    self.program = program
    self.remains = remains
    self.timeout = timeout
    self.patience = patience
    self.clock = clock
    backoff = Backoff(first: 0.1, longest: 2, jitter: clock.jitter())
    self.log = log
    watch = clock.timer { [weak self] in self?.noteHang() }
    restTimer = clock.timer { [weak self] in
      self?.isResting = false
      self?.next()
    }
  }

  /// Asks; looks before submissions and deletions, and of each kind what was asked first.
  /// - Parameter seconds: how long the helper has for it; nil for as long as for all.
  /// - Returns: all that was told, in one.
  func ask(
    _ request: HelperRequest, within seconds: Double? = nil
  ) async throws(LibraryFailure) -> HelperAnswer {
    let result = await withCheckedContinuation { continuation in
      add(Pending(request: request, timeout: seconds ?? timeout, continuation: continuation))
      next()
    }
    return try result.get()
  }

  private func add(_ pending: Pending, first: Bool = false) {
    if first {
      looks.prepend(pending)
    } else if pending.request.isRepeatable {
      looks.append(pending)
    } else {
      actions.append(pending)
    }
  }

  /// Ends the helper, which must have nothing to do; the next request starts another.
  func end() {
    helper?.onEnd = nil
    helper?.kill("")
    forgetHelper()
  }

  // MARK: The helper

  private var name: String {
    "libpbs's helper" + (program.user.map { " for \($0)" } ?? "")
  }

  private func next() {
    guard current == nil, !isResting, !looks.isEmpty || !actions.isEmpty else { return }
    guard let helper = helper ?? start(), let pending = looks.popFirst() ?? actions.popFirst()
    else { return }
    let request = Data(pending.request.octets)
    guard Frame.fits(request) else {
      pending.continuation.resume(
        returning: .failure(
          LibraryFailure(
            kind: .answered, code: Self.invalidRequest,
            words: "\(FrameError.tooLong(request.count))")))
      return next()
    }
    current = pending
    watch?.schedule(after: patience)
    deadline = Deadline(after: pending.timeout, clock: clock) { [weak self] in
      self?.helper?.kill(
        "\(pending.request.name) did not answer within \(String(rounded: pending.timeout)) s")
    }
    helper.send(request)
  }

  /// - Returns: the helper; nil when it cannot be started now, and all that waits has been told.
  private func start() -> HelperProcess? {
    if let since = remains?.since {
      rest()
      if clock.now - since >= patience {
        failAll("\(name) of before does not end: it is stopped, and cannot be killed")
      }
      return nil
    }
    do throws(CommandError) {
      let helper = try HelperProcess(
        program.path, named: program.name, program.arguments, environment: program.environment,
        clock: clock, keepsCapabilities: program.keepsCapabilities)
      helper.onFrame = { [weak self] in self?.received($0) }
      helper.onEnd = { [weak self] in self?.ended($0) }
      self.helper = helper
      Metric.helperStarts.count()
      hasServed = false
      return helper
    } catch {
      rest()
      failAll("\(error)")
      return nil
    }
  }

  private func failAll(_ words: String) {
    let all = looks + actions
    looks = []
    actions = []
    for pending in all { pending.continuation.resume(returning: .failure(broken(words))) }
  }

  private func forgetHelper() {
    if let helper { remains?.add(helper, now: clock.now) }
    helper = nil
  }

  private func received(_ octets: Data) {
    guard let content = current?.request.tells else {
      helper?.kill("it answers what it was not asked")
      return
    }
    do {
      // In its place: a listing of many jobs comes in many frames.
      try octets.withUnsafeBytes { try current?.answer.read($0, of: content) }
    } catch {
      helper?.kill("its answer cannot be read: \(error)")
      return
    }
    guard let pending = current, pending.answer.isLast else { return }
    settle(isAnswered: true)
    if pending.answer.failure == nil || pending.answer.failure?.kind == .answered {
      hasServed = true
      backoff.reset()
    }
    if let failure = pending.answer.failure {
      // Such a helper ends; the next one is for whoever asks next.
      if failure.kind == .broken, repeats(pending) { return dismiss() }
      if [.broken, .library, .user].contains(failure.kind) { dismiss() }
      pending.continuation.resume(returning: .failure(failure))
    } else {
      pending.continuation.resume(returning: .success(pending.answer))
    }
    next()
  }

  /// The helper has said that it ends, or has to.
  private func dismiss() {
    helper?.onEnd = nil
    // It ends itself, unless somebody stops it.
    forgetHelper()
    if !hasServed { rest() }
    next()
  }

  private func ended(_ reason: String) {
    forgetHelper()
    rest()
    if let pending = current {
      settle(isAnswered: false)
      log.log(
        level: troubleLevel, "\(name) ended during \(pending.request.name): \(reason)")
      if !repeats(pending) {
        pending.continuation.resume(returning: .failure(broken("\(name): \(reason)")))
      }
    } else {
      log.log(level: troubleLevel, "\(name) ended: \(reason)")
    }
    isTroubled = true
    next()
  }

  /// Asks once more what can be asked twice, where the connection had been good before.
  private func repeats(_ pending: Pending) -> Bool {
    guard pending.request.isRepeatable, hasServed, !pending.wasRepeated else { return false }
    var again = pending
    again.answer = HelperAnswer()
    again.wasRepeated = true
    add(again, first: true)
    return true
  }

  private func settle(isAnswered: Bool) {
    current = nil
    deadline = nil
    watch?.suspend()
    if isAnswered, let since = hangsSince {
      log.notice("\(whoAnswers) answers again after \(String(rounded: clock.now - since)) s")
    }
    hangsSince = nil
    if isAnswered { isTroubled = false }
  }

  /// Another user's helper that goes on to make trouble is no news: it may be his doing.
  private var troubleLevel: Logger.Level {
    program.user != nil && isTroubled ? .debug : .warning
  }

  private var whoAnswers: String { program.user == nil ? "PBS" : name }

  /// No helper is started for a moment, longer with each that was of no use.
  private func rest() {
    isResting = true
    restTimer?.schedule(after: backoff.delay())
  }

  private func noteHang() {
    guard let current, hangsSince == nil else { return }
    hangsSince = clock.now - patience
    let whose = program.user.map { " as user \($0)" } ?? ""
    log.log(
      level: troubleLevel,
      "\(current.request.name)\(whose) has not answered for \(String(rounded: patience)) s")
  }

  private func broken(_ words: String) -> LibraryFailure {
    LibraryFailure(kind: .broken, code: 0, words: words)
  }
}
