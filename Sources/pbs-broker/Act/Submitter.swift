import Logging
import Shared

/// Submits jobs, first come, first served. What is PBS's own state, and no fault of the pod (PBS is
/// busy, a limit is reached), stops all submissions but one: it tries for all, after a wait that
/// grows, and at once when a job of ours has ended.
@EventLoop
final class Submitter {
  /// What to do with what has become of a submission.
  struct Actions {
    /// The job that is to be submitted for the pod of this UID; nil when none is any more.
    var job: @EventLoop (String) -> JobDescription?
    /// PBS has taken it under this id.
    var taken: @EventLoop (String, JobDescription, String) -> Void
    /// PBS refuses this job, or does not answer.
    var failed: @EventLoop (String, PBSError) -> Void
    /// Nothing is under way for this pod any more.
    var settled: @EventLoop (String) -> Void
    /// There is a ``Submitter/hindrance``, of which the pods are to be told.
    var hindered: @EventLoop () -> Void
  }

  /// Seconds after which pods are told why nothing is submitted.
  private static let quiet = 5.0
  /// The same where submissions wait for their turn.
  private static let quietTurns = 10.0
  /// Answers of PBS's state after which another pod tries for all.
  private static let tries = 2
  /// Contrasts after which such an answer is about the pod's own job (a hook that fails at it).
  private static let contrasts = 2
  /// Suspects that are remembered.
  private static let mostSuspects = 100_000
  /// Submissions in a row without an answer from which on that is PBS's state.
  private static let silence = 3

  private struct Pause {
    var words: String
    var isLimit: Bool
    /// When it began, and until when nothing is tried; monotonic seconds.
    var since: Double
    var until: Double
  }

  private let backend: any PBSBackend
  private let inFlight: Int
  private let isAway: @EventLoop () -> Bool
  private let actions: Actions
  private let log: Logger
  private var pause: Pause?
  private var waits = Backoff(first: 1, longest: 30)
  private var timer: EventSource?
  private var quietTimer: EventSource?
  private var turnsTimer: EventSource?
  /// Pods whose answers were PBS's state: how often, and how often the next answer to another pod was
  /// that its job is taken.
  private var suspects: [String: (answers: Int, contrasts: Int)] = [:]
  /// Whose answer was that last; nil when a job has been taken since.
  private var lastSuspect: String?
  /// Submissions that wait for their turn, and since when there have been some.
  private var turns = 0
  private var turnsSince: Double?
  /// Submissions in a row that PBS did not answer.
  private var unanswered = 0
  /// How many at once; after a pause it grows with each success, so that a limit that has one
  /// place free is not met by many.
  private var width: Int
  private lazy var queue = WorkQueue<String>(
    limit: { [unowned self] in limit }, work: { [unowned self] in await submit($0) })

  init(
    backend: any PBSBackend, inFlight: Int, isAway: @escaping @EventLoop () -> Bool,
    actions: Actions, log: Logger
  ) {
    self.backend = backend
    self.inFlight = inFlight
    self.isAway = isAway
    self.actions = actions
    self.log = log
    width = inFlight
    timer = EventSource.timer { [weak self] in
      self?.pause?.until = 0
      self?.start()
    }
    let tell = { @EventLoop [weak self] in
      if self?.hindrance != nil { self?.actions.hindered() }
    }
    quietTimer = EventSource.timer { tell() }
    turnsTimer = EventSource.timer { tell() }
  }

  /// Why nobody's jobs are submitted, or not soon, once that has lasted for some seconds; nil while
  /// they are.
  var hindrance: String? {
    // Of a PBS that is away, pods are told once, and not by us.
    if isAway() { return nil }
    let now = Monotonic.now
    guard let pause else {
      guard let turnsSince, now - turnsSince >= Self.quietTurns else { return nil }
      return
        "the job waits to be submitted: PBS may be connected to only so often (connections-per-minute)"
    }
    guard now - pause.since >= Self.quiet else { return nil }
    return pause.isLimit
      ? "a limit of PBS is reached, and the job is submitted when there is room: \(pause.words)"
      : "PBS takes no jobs at present: \(pause.words)"
  }

  /// Queues a submission; the caller sees to it that a pod is in the queue once.
  func add(_ uid: String) {
    queue.add(uid)
  }

  /// Goes on, for example when PBS answers again.
  func start() {
    queue.start()
  }

  /// A job of ours has ended: a limit may have room again.
  func jobEnded() {
    guard pause?.isLimit == true else { return }
    pause?.until = 0
    start()
  }

  private var limit: Int {
    if isAway() { return 0 }
    guard let pause else { return width }
    return Monotonic.now >= pause.until ? 1 : 0
  }

  private func submit(_ uid: String) async {
    guard actions.job(uid) != nil else { return settled(uid) }
    await waitForTurn()
    // Things may have changed while it waited for its turn.
    guard let description = actions.job(uid) else { return settled(uid) }
    do throws(PBSError) {
      let id = try await backend.submit(description)
      unanswered = 0
      if let lastSuspect, lastSuspect != uid { suspects[lastSuspect]?.contrasts += 1 }
      lastSuspect = nil
      suspects[uid] = nil
      resume()
      actions.taken(uid, description, id)
      settled(uid)
    } catch {
      failed(uid, error)
    }
  }

  private func waitForTurn() async {
    turns += 1
    if turnsSince == nil {
      turnsSince = Monotonic.now
      turnsTimer?.schedule(after: Self.quietTurns + 0.1)
    }
    await backend.turn(for: .action)
    turns -= 1
    guard turns == 0 else { return }
    turnsSince = nil
    turnsTimer?.suspend()
  }

  private func failed(_ uid: String, _ error: PBSError) {
    switch error {
    case .refused:
      unanswered = 0
      actions.failed(uid, error)
      settled(uid)
    case .unavailable(let words):
      unanswered += 1
      actions.failed(uid, error)
      if unanswered >= Self.silence { hold(words, isLimit: false) }
      settled(uid)
    case .busy(let words), .unauthorized(let words):
      var suspect = suspects[uid] ?? (0, 0)
      guard suspect.contrasts < Self.contrasts else {
        // It is remembered: its next tries stop nobody.
        actions.failed(uid, .refused(words))
        return actions.settled(uid)
      }
      suspect.answers += 1
      // Those that have gone since are not heard of.
      if suspects.count > Self.mostSuspects { suspects.removeAll() }
      suspects[uid] = suspect
      lastSuspect = uid
      hold(words, isLimit: false)
      queue.add(uid, first: suspect.answers % Self.tries != 0)
    case .limit(let words):
      hold(words, isLimit: true)
      // Of a resource there may be enough left for the next pod, though not for this one.
      queue.add(uid, first: !words.contains("resource"))
    }
  }

  private func settled(_ uid: String) {
    suspects[uid] = nil
    actions.settled(uid)
  }

  private func hold(_ words: String, isLimit: Bool) {
    let now = Monotonic.now
    width = 1
    if pause == nil {
      log.warning("qsub: \(words); one job at a time is tried until PBS takes it")
      quietTimer?.schedule(after: Self.quiet + 0.1)
    }
    // Commands that were under way together are one failure.
    if let pause, now < pause.until { return }
    let delay = waits.delay()
    pause = Pause(words: words, isLimit: isLimit, since: pause?.since ?? now, until: now + delay)
    timer?.schedule(after: delay)
  }

  private func resume() {
    waits.reset()
    if let pause {
      log.notice("PBS takes jobs again after \(Int(Monotonic.now - pause.since)) s")
    }
    pause = nil
    width = min(width * 2, inFlight)
  }
}
