import Logging
import Monitoring
import Runtime

/// Changes jobs that wait, as their pods have changed. Each is in the queue once, and is looked at
/// again before PBS is asked. What PBS refuses stays as it is, and is not tried again until the pod
/// or the configuration changes, or much time has passed.
@EventLoop
final class Alterer {
  /// What to do with what comes of a change.
  struct Actions {
    /// The change that is wanted of this job now, in the steps that PBS is asked for; nil when none
    /// is any more.
    var steps: @EventLoop (String) async throws(PBSError) -> (JobEdit, [JobChange])?
    /// PBS has done a step.
    var taken: @EventLoop (JobEdit, JobChange) -> Void
    /// PBS's user whose job it is; nil for our own.
    var owner: @EventLoop (String) -> String? = { _ in nil }
    /// Nothing is under way for this job any more.
    var settled: @EventLoop (String) -> Void
  }

  /// Seconds until what PBS has refused is tried again; the same for what a limit is in the way of.
  nonisolated static let refusedInterval = 600.0
  nonisolated static let limitInterval = 60.0
  /// Seconds between tries for one job: the first wait, and the longest. Whoever changes a pod again
  /// and again would have PBS asked as often.
  nonisolated static let patience = 1.0
  nonisolated static let longestPatience = 60.0
  /// Seconds without a try after which these waits start over.
  nonisolated static let calm = 600.0

  private final class Entry {
    var edit: JobEdit
    let name: String
    var isQueued = false
    /// The job is not as its pod asks.
    var isWanted = true
    /// PBS's words when it refused this; nil when it has not.
    var refusal: String?
    var isFailing = false
    /// Not again before this moment, after a failure; monotonic seconds.
    var notBefore = 0.0
    var failures: Backoff
    /// The same after any try, and when that was.
    var restUntil = 0.0
    var triedAt = -Double.infinity
    var rests: Backoff
    var timer: (any Timer)?

    init(_ edit: JobEdit, _ name: String, jitter: Jitter) {
      var jitter = jitter
      failures = Backoff(first: 2, longest: 300, jitter: jitter.split())
      rests = Backoff(
        first: Alterer.patience, longest: Alterer.longestPatience, jitter: jitter)
      self.edit = edit
      self.name = name
    }
  }

  private let backend: any PBSBackend
  private let users: UserTrouble
  private let inFlight: Int
  private let isAway: @EventLoop () -> Bool
  private let actions: Actions
  private let clock: any Clock
  private let log: Logger
  private var entries: [String: Entry] = [:]
  private lazy var queue = UserQueue(
    .changes, users: users, limit: { [unowned self] in isAway() ? 0 : inFlight },
    work: { [unowned self] in await change($0) })

  /// - Parameters:
  ///   - inFlight: changes at once.
  ///   - isAway: whether PBS does not answer.
  init(
    backend: any PBSBackend, users: UserTrouble? = nil, inFlight: Int,
    isAway: @escaping @EventLoop () -> Bool, actions: Actions, clock: any Clock, log: Logger
  ) {
    self.backend = backend
    self.users = users ?? UserTrouble(clock: clock, log: log)
    self.inFlight = inFlight
    self.isAway = isAway
    self.actions = actions
    self.clock = clock
    self.log = log
  }

  /// PBS's words on the change of a job that it has refused; nil when it has refused none.
  func refusal(of job: String) -> String? {
    entries[job].flatMap { $0.isWanted ? $0.refusal : nil }
  }

  /// Starts no more changes, and waits for those under way.
  func drain() async { await queue.drain() }

  /// Asks for a change; safe to repeat.
  /// - Parameters:
  ///   - name: the pod's, for the log.
  ///   - namespace: the pod's; namespaces take turns.
  func want(_ edit: JobEdit, ofPod name: String, in namespace: String) {
    let entry = entries[edit.job] ?? Entry(edit, name, jitter: clock.jitter())
    entries[edit.job] = entry
    if entry.edit.terms != edit.terms {
      entry.refusal = nil
      entry.failures.reset()
      entry.notBefore = 0
    }
    entry.edit = edit
    entry.isWanted = true
    guard !entry.isQueued else { return }
    let wait = max(entry.notBefore, entry.restUntil) - clock.now
    guard wait <= 0 else {
      let job = edit.job
      let timer = clock.timer { [weak self] in self?.actions.settled(job) }
      timer.schedule(after: wait)
      entry.timer = timer
      return
    }
    entry.isQueued = true
    let line = backend.line(of: actions.owner(edit.job))
    queue.add(.init(key: edit.job, namespace: namespace, user: line))
  }

  /// The job is as its pod asks. When it was changed last is remembered: a pod that asks for what
  /// PBS takes and for what it refuses in turns has it asked no more often for that.
  func forget(_ job: String) {
    guard let entry = entries[job], !entry.isQueued else { return }
    entry.isWanted = false
    entry.timer = nil
    let now = clock.now
    if now >= entry.notBefore, now - entry.triedAt >= Self.calm { entries[job] = nil }
  }

  /// The job has ended.
  func ended(_ job: String) {
    entries[job] = nil
    queue.remove(job)
  }

  /// What has been refused is tried again: the configuration is another one.
  func forgetRefusals() {
    for entry in entries.values {
      entry.refusal = nil
      entry.notBefore = 0
      entry.restUntil = 0
    }
  }

  /// Goes on, for example when PBS answers again.
  func start() {
    queue.start()
  }

  private func change(_ item: UserQueue.Item) async {
    let job = item.key
    guard let entry = entries[job] else { return }
    entry.timer = nil
    await backend.turn(for: .action)
    // What has not begun when the process ends is for the next one.
    guard !queue.isDraining else {
      entry.isQueued = false
      return
    }
    tries(entry)
    do throws(PBSError) {
      // Things may have changed while it waited for its turn.
      if let (edit, steps) = try await actions.steps(job) {
        try await change(edit, steps)
        log.info(
          "job \(job) of pod \(entry.name) is changed: \(edit.words)",
          metadata: .about(pod: entry.name, job: job))
      }
      entry.refusal = nil
      entry.isFailing = false
      entry.failures.reset()
      if let user = item.user { users.noted(nil, of: .changes, as: user) }
    } catch {
      // What PBS refuses is about that job.
      if let user = item.user { users.noted(error.isRefusal ? nil : error, of: .changes, as: user) }
      failed(entry, error)
    }
    entry.isQueued = false
    actions.settled(job)
  }

  private func tries(_ entry: Entry) {
    let now = clock.now
    if now - entry.triedAt >= Self.calm { entry.rests.reset() }
    entry.triedAt = now
    entry.restUntil = now + entry.rests.delay()
  }

  /// What one queue does not allow, the next one may, and the other way round: a step that PBS
  /// refuses is tried once more after those behind it.
  private func change(_ edit: JobEdit, _ steps: [JobChange]) async throws(PBSError) {
    var refused: (step: JobChange, error: PBSError)?
    for step in steps {
      do throws(PBSError) {
        try await backend.change(edit.job, of: actions.owner(edit.job), step)
        actions.taken(edit, step)
      } catch {
        if let refused { throw refused.error }
        guard error.isRefusal, steps.count > 1, step != steps.last else { throw error }
        refused = (step, error)
      }
    }
    guard let refused else { return }
    try await backend.change(edit.job, of: actions.owner(edit.job), refused.step)
    actions.taken(edit, refused.step)
  }

  private func failed(_ entry: Entry, _ error: PBSError) {
    let job = entry.edit.job
    switch error {
    case .refused(let words), .unauthorized(let words), .limit(let words):
      var delay = Self.refusedInterval
      if case .limit = error { delay = Self.limitInterval }
      entry.notBefore = clock.now + delay
      if entry.refusal != words {
        log.warning(
          "job \(job) of pod \(entry.name): PBS refuses to change it (\(entry.edit.words)): \(words)",
          metadata: .about(pod: entry.name, job: job)
        )
      }
      entry.refusal = words
    case .unavailable(let words), .busy(let words):
      entry.notBefore = clock.now + entry.failures.delay()
      log.log(
        level: entry.isFailing ? .debug : .warning,
        "job \(job) of pod \(entry.name) cannot be changed (\(entry.edit.words)): \(words); trying again",
        metadata: .about(pod: entry.name, job: job)
      )
      entry.isFailing = true
    }
  }
}

extension PBSError {
  /// Whether PBS has said no to this very request.
  fileprivate var isRefusal: Bool {
    switch self {
    case .refused, .unauthorized, .limit: true
    case .unavailable, .busy: false
    }
  }
}
