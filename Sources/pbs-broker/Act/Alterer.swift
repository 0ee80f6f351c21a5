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
    var steps: @EventLoop (String) throws(PBSError) -> (JobEdit, [JobChange])?
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
  /// Seconds between tries for one job at least: whoever changes a pod again and again would have
  /// PBS asked as often.
  nonisolated static let patience = 1.0

  private final class Entry {
    var edit: JobEdit
    let name: String
    var isQueued = false
    /// PBS's words when it refused this; nil when it has not.
    var refusal: String?
    var isFailing = false
    /// Not again before this moment; monotonic seconds.
    var notBefore = 0.0
    var failures: Backoff
    var timer: (any Timer)?

    init(_ edit: JobEdit, _ name: String, jitter: Jitter) {
      failures = Backoff(first: 2, longest: 300, jitter: jitter)
      self.edit = edit
      self.name = name
    }
  }

  private let backend: any PBSBackend
  private let inFlight: Int
  private let isAway: @EventLoop () -> Bool
  private let actions: Actions
  private let clock: any Clock
  private let log: Logger
  private var entries: [String: Entry] = [:]
  private lazy var queue = WorkQueue<String>(
    limit: { [unowned self] in isAway() ? 0 : inFlight },
    work: { [unowned self] in await change($0) })

  /// - Parameters:
  ///   - inFlight: changes at once.
  ///   - isAway: whether PBS does not answer.
  init(
    backend: any PBSBackend, inFlight: Int, isAway: @escaping @EventLoop () -> Bool,
    actions: Actions, clock: any Clock, log: Logger
  ) {
    self.backend = backend
    self.inFlight = inFlight
    self.isAway = isAway
    self.actions = actions
    self.clock = clock
    self.log = log
  }

  /// PBS's words on the change of a job that it has refused; nil when it has refused none.
  func refusal(of job: String) -> String? { entries[job]?.refusal }

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
      entry.notBefore = min(entry.notBefore, clock.now + Self.patience)
    }
    entry.edit = edit
    guard !entry.isQueued else { return }
    let wait = entry.notBefore - clock.now
    guard wait <= 0 else {
      let job = edit.job
      let timer = clock.timer { [weak self] in self?.actions.settled(job) }
      timer.schedule(after: wait)
      entry.timer = timer
      return
    }
    entry.isQueued = true
    queue.add(edit.job, of: namespace)
  }

  /// The job is as its pod asks, or has ended.
  func forget(_ job: String) {
    guard let entry = entries[job], !entry.isQueued else { return }
    entries[job] = nil
  }

  /// What has been refused is tried again: the configuration is another one.
  func forgetRefusals() {
    for entry in entries.values {
      entry.refusal = nil
      entry.notBefore = 0
    }
  }

  /// Goes on, for example when PBS answers again.
  func start() {
    queue.start()
  }

  private func change(_ job: String) async {
    guard let entry = entries[job] else { return }
    entry.timer = nil
    await backend.turn(for: .action)
    // What has not begun when the process ends is for the next one.
    guard !queue.isDraining else { return entry.isQueued = false }
    entry.notBefore = clock.now + Self.patience
    do throws(PBSError) {
      // Things may have changed while it waited for its turn.
      if let (edit, steps) = try actions.steps(job) {
        try await change(edit, steps)
        log.info(
          "job \(job) of pod \(entry.name) is changed: \(edit.words)",
          metadata: .about(pod: entry.name, job: job))
      }
      entry.refusal = nil
      entry.isFailing = false
      entry.failures.reset()
    } catch {
      failed(entry, error)
    }
    entry.isQueued = false
    actions.settled(job)
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
