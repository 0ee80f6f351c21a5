import Logging
import Monitoring
import Runtime

/// Deletes jobs. Each is in the queue once at most, is looked at again before the command runs, and
/// after a failure, or when PBS has taken the deletion and the job is still there, is tried again
/// after a wait that grows to minutes. While everything fails, all of them wait; those of another
/// user wait apart (``UserTrouble``).
@EventLoop
final class Deleter {
  /// Seconds after which a job that PBS was asked to delete, and that is still there, is deleted
  /// again: more than a queue's kill_delay (10 s).
  private static nonisolated let patience = 60.0
  /// Seconds after which a deletion is tried again to which our user had no right.
  private static let forbiddenInterval = 600.0

  /// A job as PBS has told of it.
  struct Run: Equatable {
    var count: Int
    var isWaiting: Bool
  }

  private final class Entry {
    var deletion: Decision.Deletion
    /// What it was when PBS was asked for the deletion that it has taken.
    var takenRun: Run?
    var isQueued = false
    /// PBS will not let us; has been said.
    var isForbidden = false
    var isFailing = false
    /// Not again before this moment; monotonic seconds.
    var notBefore = 0.0
    var failures: Backoff
    var repeats: Backoff

    init(_ deletion: Decision.Deletion, jitter: Jitter) {
      var jitter = jitter
      self.deletion = deletion
      failures = Backoff(first: 2, longest: 300, jitter: jitter.split())
      repeats = Backoff(first: Deleter.patience, longest: 600, jitter: jitter)
    }
  }

  private let backend: any PBSBackend
  private let users: UserTrouble
  private let inFlight: Int
  private let isWanted: @EventLoop (String) -> Bool
  private let owner: @EventLoop (String) -> String?
  private let run: @EventLoop (String) -> Run?
  private let onTaken: @EventLoop () -> Void
  private let clock: any Clock
  private let log: Logger
  private var entries: [String: Entry] = [:]
  /// Jobs of our own user whose deletion does not work.
  private var failing: Set<String> = []
  /// While deletions fail one after the other: no command before this moment.
  private var restUntil = 0.0
  private var rest: Backoff
  private var restTimer: (any Timer)?
  private lazy var queue = UserQueue(
    .deletions, users: users, limit: { [unowned self] in limit },
    work: { [unowned self] in await delete($0) })

  /// - Parameters:
  ///   - inFlight: commands at once.
  ///   - isWanted: whether the job of this id still is to be deleted.
  ///   - owner: PBS's user whose job it is; nil for our own.
  ///   - run: what PBS has told of the job; nil for nothing.
  ///   - onTaken: called when PBS has taken a deletion.
  init(
    backend: any PBSBackend, users: UserTrouble? = nil, inFlight: Int,
    isWanted: @escaping @EventLoop (String) -> Bool,
    owner: @escaping @EventLoop (String) -> String? = { _ in nil },
    run: @escaping @EventLoop (String) -> Run? = { _ in nil },
    onTaken: @escaping @EventLoop () -> Void, clock: any Clock, log: Logger
  ) {
    self.owner = owner
    self.run = run
    self.backend = backend
    self.users = users ?? UserTrouble(clock: clock, log: log)
    self.inFlight = inFlight
    self.isWanted = isWanted
    self.onTaken = onTaken
    self.clock = clock
    rest = Backoff(first: 0.5, longest: 60, jitter: clock.jitter())
    self.log = log
    restTimer = clock.timer { [weak self] in
      self?.restUntil = 0
      self?.queue.start()
    }
  }

  /// Jobs whose deletion has been asked for, or is to be.
  var jobs: Set<String> { Set(entries.keys) }

  /// Those that wait for nothing but to be asked for again.
  var due: [String] {
    let now = clock.now
    return entries.filter { !$0.value.isQueued && now >= $0.value.notBefore }.map(\.key)
  }

  /// Whether the deletion of this job has been asked for, or is to be.
  func isDeleting(_ job: String) -> Bool { entries[job] != nil }

  /// The job is to stay after all: what has not been taken is not tried again.
  func withdraw(_ job: String) {
    guard let entry = entries[job], !entry.isQueued, entry.isFailing || entry.isForbidden else {
      return
    }
    drop(job)
  }

  private func drop(_ job: String) {
    entries[job] = nil
    failing.remove(job)
    queue.remove(job)
  }

  /// Asks for a deletion; safe to repeat.
  /// - Parameters:
  ///   - name: the pod's, for the log.
  ///   - namespace: the pod's; namespaces take turns.
  func delete(_ deletion: Decision.Deletion, ofPod name: String, in namespace: String) {
    let known = entries[deletion.job]
    let entry = known ?? Entry(deletion, jitter: clock.jitter())
    if known == nil {
      log.info(
        "deleting job \(deletion.job) of pod \(name): \(deletion.reason)",
        metadata: .about(pod: name, job: deletion.job))
      entries[deletion.job] = entry
    } else if deletion.force, !entry.deletion.force {
      entry.deletion = deletion
      if !entry.isForbidden { entry.notBefore = 0 }
    } else if isLost(entry) {
      log.notice(
        "job \(deletion.job) was queued again while it was being deleted: it is deleted again",
        metadata: .about(pod: name, job: deletion.job))
      entry.takenRun = nil
      entry.notBefore = 0
    }
    guard !entry.isQueued, clock.now >= entry.notBefore else { return }
    entry.isQueued = true
    let line = backend.line(of: owner(deletion.job))
    queue.add(.init(key: deletion.job, namespace: namespace, user: line))
  }

  /// Whether PBS has taken the deletion of a run that is no more: a job that is queued again meanwhile
  /// (qrerun, preemption) forgets that it was to be deleted.
  private func isLost(_ entry: Entry) -> Bool {
    guard let taken = entry.takenRun, !taken.isWaiting, let now = run(entry.deletion.job) else {
      return false
    }
    return now.isWaiting || now.count > taken.count
  }

  /// The job has ended, or is wanted again.
  func forget(_ job: String) { drop(job) }

  /// Goes on, for example when PBS answers again.
  func start() { queue.start() }

  /// Starts no more deletions, and waits for those under way.
  func drain() async { await queue.drain() }

  private var limit: Int {
    if clock.now < restUntil { return 0 }
    return restUntil == 0 && !failing.isEmpty ? 1 : inFlight
  }

  private func delete(_ item: UserQueue.Item) async {
    let job = item.key
    guard let entry = entries[job] else { return }
    defer { entry.isQueued = false }
    guard isWanted(job) else { return forget(job) }
    await backend.turn(for: .action)
    // Things may have changed while it waited for its turn.
    guard isWanted(job) else { return forget(job) }
    guard !queue.isDraining else { return }
    let asked = run(job)
    do throws(PBSError) {
      try await backend.delete(job, of: owner(job), force: entry.deletion.force)
      if entry.isFailing {
        log.notice("deleting job \(job): PBS takes it now", metadata: .about(job: job))
      }
      entry.isFailing = false
      failing.remove(job)
      entry.failures.reset()
      entry.takenRun = asked
      entry.notBefore = clock.now + entry.repeats.delay()
      if let user = item.user { users.noted(nil, of: .deletions, as: user) } else { rest.reset() }
      onTaken()
    } catch .unauthorized(let words) {
      if let user = item.user { users.noted(nil, of: .deletions, as: user) }
      forbidden(entry, words)
    } catch {
      if let user = item.user { users.noted(error, of: .deletions, as: user) }
      failed(entry, error, of: item)
    }
  }

  private func forbidden(_ entry: Entry, _ words: String) {
    let job = entry.deletion.job
    entry.notBefore = clock.now + Self.forbiddenInterval
    entry.isFailing = false
    failing.remove(job)
    guard !entry.isForbidden else { return }
    entry.isForbidden = true
    log.error(
      "job \(job) cannot be deleted by \(backend.user): \(words); have its owner or a manager of PBS delete it (qdel \(job))",
      metadata: .about(job: job)
    )
  }

  private func failed(_ entry: Entry, _ error: PBSError, of item: UserQueue.Item) {
    let delay = entry.failures.delay()
    entry.notBefore = clock.now + delay
    if !entry.isFailing {
      log.warning(
        "deleting job \(entry.deletion.job): \(error); trying again until it works",
        metadata: .about(job: entry.deletion.job))
    }
    entry.isFailing = true
    guard item.user == nil, entries[item.key] === entry else { return }
    failing.insert(item.key)
    // Commands that were under way together are one failure.
    guard clock.now >= restUntil else { return }
    let pause = rest.delay()
    restUntil = clock.now + pause
    restTimer?.schedule(after: pause)
  }
}

extension Deleter.Run {
  init(_ job: Job) {
    self.init(count: job.runCount, isWaiting: job.isWaiting)
  }
}
