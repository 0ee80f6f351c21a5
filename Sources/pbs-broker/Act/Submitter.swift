import Logging
import Shared

/// Submits jobs, first come, first served. What is PBS's own state, and no fault of the pod (PBS is
/// busy, a limit is reached, qsub does not come to its end), stops all submissions but one: it tries for all, after a wait that
/// grows, and at once when a job of ours has ended.
///
/// The same words may be about one job alone, such as one over which a hook of the site fails. So no
/// pod tries for all for long, another one's first try does not wait for it, and one whose job is
/// turned away again and again while those of others are taken has itself to blame.
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

  /// Seconds until the next try where qsub did not come to its end: PBS may be back at any moment.
  private static let longestUnanswered = 10.0
  /// How often in a row one pod tries for all.
  private static let triesInRow = 2
  /// How often a job is turned away, others being taken in between, until its pod is to blame.
  private static let triesAmongOthers = 3
  /// Pods that are remembered as turned away at most.
  private static let mostTurnedAway = 10_000

  private struct Pause {
    var words: String
    var isLimit: Bool
    /// The pods whose jobs were turned away in it.
    var pods: Set<String>
    /// When it began, and until when nothing is tried; monotonic seconds.
    var since: Double
    var until: Double
  }

  private let backend: any PBSBackend
  private let inFlight: Int
  private let isAway: @EventLoop () -> Bool
  private let actions: Actions
  private let log: Logger
  /// A pod whose job was turned away.
  private struct Turned {
    var inRow = 0
    var amongOthers = 0
    /// ``takenCount`` at that time.
    var taken: Int
  }

  private var pause: Pause?
  private var turned: [String: Turned] = [:]
  /// Jobs that PBS has taken.
  private var takenCount = 0
  private var waits = Backoff(first: 1, longest: 30)
  private var timer: EventSource?
  private var quietTimer: EventSource?
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
    quietTimer = EventSource.timer { [weak self] in
      if self?.hindrance != nil { self?.actions.hindered() }
    }
  }

  /// Why PBS takes nobody's jobs, once that has lasted for some seconds; nil while it does, and while
  /// it is away, of which pods are told otherwise.
  var hindrance: String? {
    guard let pause, !isAway(), Monotonic.now - pause.since >= Self.quiet else { return nil }
    return pause.isLimit
      ? "a limit of PBS is reached, and the job is submitted when there is room: \(pause.words)"
      : "PBS takes no jobs at present: \(pause.words)"
  }

  /// The same for one pod: nil while all trouble is another one's.
  func hindrance(of uid: String) -> String? {
    if let pause, isOfOneOther(pause, than: uid) { return nil }
    return hindrance
  }

  /// Queues a submission; the caller sees to it that a pod is in the queue once.
  func add(_ uid: String) {
    guard let pause, isOfOneOther(pause, than: uid) else { return queue.add(uid) }
    self.pause?.until = 0
    queue.add(uid, first: true)
  }

  /// Whether one job alone, of another pod, was turned away. A limit is no single job's.
  private func isOfOneOther(_ pause: Pause, than uid: String) -> Bool {
    !pause.isLimit && pause.pods.count == 1 && !pause.pods.contains(uid)
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
    guard let description = actions.job(uid) else {
      turned[uid] = nil
      return actions.settled(uid)
    }
    do throws(PBSError) {
      let id = try await backend.submit(description)
      takenCount += 1
      turned[uid] = nil
      resume()
      actions.taken(uid, description, id)
      actions.settled(uid)
    } catch {
      switch error {
      case .refused:
        actions.failed(uid, error)
        actions.settled(uid)
      case .unavailable(let words):
        // It may have taken effect: the pod itself waits for a poll, the next one in the queue tries.
        hold(uid, words, isLimit: false, longest: Self.longestUnanswered)
        actions.failed(uid, error)
        actions.settled(uid)
      case .busy(let words), .unauthorized(let words):
        turnedAway(uid, words)
      case .limit(let words):
        hold(uid, words, isLimit: true)
        // Of a resource there may be enough left for the next pod, though not for this one.
        queue.add(uid, first: !words.contains("resource"))
      }
    }
  }

  private func turnedAway(_ uid: String, _ words: String) {
    if turned.count >= Self.mostTurnedAway { turned.removeAll() }
    var one = turned[uid] ?? Turned(taken: takenCount)
    if one.taken != takenCount { one.amongOthers += 1 }
    one.taken = takenCount
    one.inRow += 1
    let isItsTurnOver = one.inRow >= Self.triesInRow
    if isItsTurnOver { one.inRow = 0 }
    turned[uid] = one
    if one.amongOthers >= Self.triesAmongOthers {
      actions.failed(uid, .refused("\(words) (it takes the jobs of other pods)"))
      actions.settled(uid)
    } else {
      hold(uid, words, isLimit: false)
      queue.add(uid, first: !isItsTurnOver)
    }
  }

  private func hold(
    _ uid: String, _ words: String, isLimit: Bool, longest: Double = .infinity
  ) {
    let now = Monotonic.now
    width = 1
    if pause == nil {
      log.warning("qsub: \(words); one job at a time is tried until PBS takes it")
      quietTimer?.schedule(after: Self.quiet + 0.1)
    }
    pause?.pods.insert(uid)
    // Commands that were under way together are one failure.
    if let pause, now < pause.until { return }
    let delay = min(waits.delay(), longest)
    pause = Pause(
      words: words, isLimit: isLimit, pods: pause?.pods ?? [uid], since: pause?.since ?? now,
      until: now + delay)
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
