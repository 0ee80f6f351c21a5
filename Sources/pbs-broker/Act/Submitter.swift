import Logging
import Runtime

/// Submits jobs. Namespaces take turns, and within one it is first come, first served. What is PBS's
/// own state or the site's, and no fault of the pod (PBS is busy, a limit is reached, a proof of
/// submission is not accepted), stops all submissions but one: it tries for all, after a wait that
/// grows, and at once when a job of ours has ended.
@EventLoop
final class Submitter {
  /// What to do with what has become of a submission.
  struct Actions {
    /// The job that is to be submitted for the pod of this UID; nil when none is any more. What it
    /// throws counts as PBS's answer.
    var job: @EventLoop (String) throws(PBSError) -> JobDescription?
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

  private struct Item {
    var uid: String
    var namespace: String
  }

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
  /// Since when jobs are taken that PBS's server does not vouch for, monotonic; nil while it does.
  private var doubtedSince: Double?
  private var doubts = Backoff(first: 10, longest: 300)
  private var timer: EventSource?
  private var quietTimer: EventSource?
  /// How many at once; after a pause it grows with each success, so that a limit that has one
  /// place free is not met by many.
  private var width: Int
  private lazy var queue = WorkQueue<Item>(
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

  /// Why PBS takes nobody's jobs, once that has lasted for some seconds; nil while it does.
  var hindrance: String? {
    guard let pause, Monotonic.now - pause.since >= Self.quiet else { return nil }
    return pause.isLimit
      ? "a limit of PBS is reached, and the job is submitted when there is room: \(pause.words)"
      : "PBS takes no jobs at present: \(pause.words)"
  }

  /// Queues a submission; the caller sees to it that a pod is in the queue once.
  /// - Parameter namespace: the pod's, whose turn it takes.
  func add(_ uid: String, of namespace: String) {
    queue.add(Item(uid: uid, namespace: namespace), of: namespace)
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

  /// PBS has taken a job, but its server does not vouch for it: each further one would be as useless,
  /// so that only now and then one is tried.
  func doubt(_ words: String) {
    guard doubtedSince == nil else { return }
    log.error("\(words); one job at a time is tried until PBS's server vouches for it")
    doubtedSince = Monotonic.now
    hold(words)
  }

  /// PBS's server vouches for a job.
  /// - Parameter added: when it was submitted.
  func trust(_ added: Double) {
    guard let doubtedSince, added > doubtedSince else { return }
    self.doubtedSince = nil
    doubts.reset()
    resume()
    start()
  }

  private var limit: Int {
    if isAway() { return 0 }
    guard let pause else { return width }
    return Monotonic.now >= pause.until ? 1 : 0
  }

  private func submit(_ item: Item) async {
    let uid = item.uid
    var token: String?
    var hasOwnTerms = false
    do throws(PBSError) {
      guard let description = try actions.job(uid) else { return actions.settled(uid) }
      token = description.token
      hasOwnTerms = description.hasOwnTerms
      let id = try await backend.submit(description)
      if doubtedSince == nil { resume() } else { hold("") }
      actions.taken(uid, description, id)
      actions.settled(uid)
    } catch {
      let hidden = error.hiding(token)
      let error = hasOwnTerms ? hidden.aboutOneJob : hidden
      switch error {
      case .refused, .unavailable:
        actions.failed(uid, error)
        actions.settled(uid)
      case .busy(let words), .unauthorized(let words):
        hold(words)
        queue.add(item, of: item.namespace, first: true)
      case .limit(let words):
        hold(words, isLimit: true)
        // Of a resource there may be enough left for the next pod, though not for this one.
        queue.add(item, of: item.namespace, first: !words.contains("resource"))
      }
    }
  }

  /// - Parameter words: why; empty for what has been said.
  private func hold(_ words: String, isLimit: Bool = false) {
    let now = Monotonic.now
    width = 1
    if pause == nil {
      if doubtedSince == nil {
        log.warning("qsub: \(words); one job at a time is tried until PBS takes it")
      }
      quietTimer?.schedule(after: Self.quiet + 0.1)
    }
    // Commands that were under way together are one failure.
    if let pause, now < pause.until { return }
    let delay = doubtedSince == nil ? waits.delay() : doubts.delay()
    pause = Pause(
      words: words.isEmpty ? pause?.words ?? "" : words, isLimit: isLimit,
      since: pause?.since ?? now, until: now + delay)
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

extension PBSError {
  /// The same without a token of ours, wherever PBS repeats it.
  fileprivate func hiding(_ token: String?) -> PBSError {
    guard let token, description.contains(token) else { return self }
    let words = description.split(separator: token, omittingEmptySubsequences: false)
      .joined(separator: "...")
    return switch self {
    case .unavailable: .unavailable(words)
    case .busy: .busy(words)
    case .limit: .limit(words)
    case .refused: .refused(words)
    case .unauthorized: .unauthorized(words)
    }
  }

  /// The same of a job on terms of its own: a queue that does not exist, is full or is closed to us
  /// says nothing about other jobs.
  var aboutOneJob: PBSError {
    switch self {
    case .limit(let words), .unauthorized(let words): .refused(words)
    case .refused, .unavailable, .busy: self
    }
  }
}
