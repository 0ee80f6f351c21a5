import Logging
import Runtime

/// Submits jobs. Namespaces take turns, and within one it is first come, first served. What is PBS's
/// own state or the site's, and no fault of the pod (PBS is busy or does not answer, a limit is
/// reached, a proof of submission is not accepted), stops all submissions but one: it tries for all,
/// after a wait that grows, and at once when a job of ours has ended. See ``TurnedAway`` for how long
/// one pod does so. Another one's first try does not wait for it.
///
/// All of this is about what is submitted as our own user. What is submitted as another one rests
/// alone; see ``UserTrouble``.
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
    /// Whether a job is still wanted for the pod: what is not need not wait for its turn.
    var isWanted: @EventLoop (String) -> Bool = { _ in true }
    /// The same job as it would be now, without a signature.
    var terms: @EventLoop (String) -> JobDescription? = { _ in nil }
  }

  /// Seconds after which pods are told why nothing is submitted.
  static let quiet = 5.0
  /// The same where submissions wait for their turn.
  static let quietTurns = 10.0
  /// Seconds until the next try where qsub did not come to its end, at most: PBS may be back at any
  /// moment.
  static let longestUnanswered = 10.0

  typealias Item = UserQueue.Item

  struct Pause {
    var words: String
    var isLimit: Bool
    /// The pods whose jobs were turned away in it.
    var pods: Set<String>
    /// When it began, and until when nothing is tried; monotonic seconds.
    var since: Double
    var until: Double
  }

  let backend: any PBSBackend
  private let inFlight: Int
  let isAway: @EventLoop () -> Bool
  let actions: Actions
  let users: UserTrouble
  let clock: any Clock
  private let log: Logger
  var pause: Pause?
  /// By user; nil for our own.
  var turned: [String?: TurnedAway] = [:]
  private var waits: Backoff
  /// Since when jobs are taken that PBS's server does not vouch for, monotonic; nil while it does.
  var doubtedSince: Double?
  private var doubts: Backoff
  private var timer: (any Timer)?
  private var quietTimer: (any Timer)?
  private var turnsTimer: (any Timer)?
  /// Submissions that wait for their turn, and since when there have been some.
  private var turns = 0
  var turnsSince: Double?
  /// How many at once; after a pause it grows with each success, so that a limit that has one
  /// place free is not met by many.
  private var width: Int
  lazy var limits = LimitPauses(
    own: backend.user, inFlight: inFlight,
    release: { [unowned self] in queue.add($0, first: true) },
    tell: { [unowned self] in actions.hindered() }, clock: clock, log: log)
  lazy var queue = UserQueue(
    .submissions, users: users, limit: { [unowned self] in limit },
    work: { [unowned self] in await submit($0) })

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
    waits = Backoff(first: 1, longest: 30, jitter: clock.jitter())
    doubts = Backoff(first: 10, longest: 300, jitter: clock.jitter())
    self.log = log
    width = inFlight
    timer = clock.timer { [weak self] in
      self?.pause?.until = 0
      self?.start()
    }
    let tell = { @EventLoop [weak self] in
      if self?.hindrance != nil { self?.actions.hindered() }
    }
    quietTimer = clock.timer { tell() }
    turnsTimer = clock.timer { tell() }
  }

  /// Queues a submission; the caller sees to it that a pod is in the queue once.
  /// - Parameters:
  ///   - namespace: the pod's, whose turn it takes.
  ///   - user: as whom it is submitted; nil for our own user.
  func add(_ uid: String, of namespace: String, as user: String? = nil) {
    let item = Item(key: uid, namespace: namespace, user: other(user))
    guard item.user == nil, let pause, isOfOneOther(pause, than: uid) else {
      return queue.add(item)
    }
    self.pause?.until = 0
    queue.add(item, first: true)
  }

  /// A pod whose submission waits may ask for something else now, or for nothing.
  /// - Parameter job: its job; nil where none is wanted.
  /// - Returns: whether its submission no longer waits.
  func changed(_ uid: String, of namespace: String, to job: JobDescription?) -> Bool {
    let user = other(job?.user)
    guard job != nil else {
      guard queue.remove(uid) || limits.release(uid, unlessStill: nil) else { return false }
      limits.dropped(uid)
      return true
    }
    if let queued = queue.user(of: uid) {
      if queued != user { queue.add(Item(key: uid, namespace: namespace, user: user)) }
    } else if limits.release(uid, unlessStill: job) {
      queue.add(Item(key: uid, namespace: namespace, user: user))
    }
    return false
  }

  private func other(_ user: String?) -> String? { user == own ? nil : user }

  /// PBS's name for us.
  var own: String { backend.user }

  /// Goes on, for example when PBS answers again.
  func start() {
    queue.start()
  }

  /// A job of ours has ended: a limit may have room again.
  func jobEnded() {
    limits.jobEnded()
    guard pause?.isLimit == true else { return }
    pause?.until = 0
    start()
  }

  /// PBS has taken a job although its answer was lost: the next one need not wait.
  func jobFound() {
    guard pause?.isLimit == false, doubtedSince == nil else { return }
    waits.reset()
    pause?.until = 0
    start()
  }

  /// PBS has taken a job, but its server does not vouch for it: each further one would be as useless,
  /// so that only now and then one is tried.
  /// - Parameter user: whose job it is; nil for our own user's.
  func doubt(_ words: String, as user: String? = nil) {
    if let user = other(user) { return users.doubt(words, of: user) }
    guard doubtedSince == nil else { return }
    log.error("\(words); one job at a time is tried until PBS's server vouches for it")
    doubtedSince = clock.now
    hold(words)
  }

  /// PBS's server vouches for a job.
  /// - Parameters:
  ///   - added: when it was submitted.
  ///   - user: whose it is; nil for our own user's.
  func trust(_ added: Double, as user: String? = nil) {
    if let user = other(user) { return users.trust(added, of: user) }
    guard let doubtedSince, added > doubtedSince else { return }
    self.doubtedSince = nil
    doubts.reset()
    resume()
    start()
  }

  /// Starts no more submissions, and waits for those under way.
  func drain() async { await queue.drain() }

  /// How many wait, those under way not counted.
  var waiting: Int { queue.count + limits.count }

  /// Whether one job at a time is tried.
  var isPaused: Bool { pause != nil }

  private var limit: Int {
    if isAway() { return 0 }
    guard let pause else { return width }
    return clock.now >= pause.until ? 1 : 0
  }

  private func submit(_ item: Item) async {
    let uid = item.key
    var job: JobDescription?
    do throws(PBSError) {
      if !limits.isEmpty, let job = actions.terms(uid), limits.holds(item, job) { return }
      if actions.isWanted(uid) { await waitForTurn() }
      guard !queue.isDraining else { return }
      // Things may have changed while it waited for its turn.
      guard let description = try actions.job(uid) else {
        turned[item.user]?.forget(uid)
        limits.dropped(uid)
        return actions.settled(uid)
      }
      guard other(description.user) == item.user else {
        limits.dropped(uid)
        return add(uid, of: item.namespace, as: description.user)
      }
      job = description
      let id = try await backend.submit(description)
      taken(item)
      actions.taken(uid, description, id)
      actions.settled(uid)
    } catch {
      failed(item, error.hiding(job?.token), job)
    }
  }

  private func taken(_ item: Item) {
    turned[item.user, default: TurnedAway()].taken(item.key)
    limits.taken(item.key)
    if let user = item.user {
      users.noted(nil, of: .submissions, as: user)
    } else if doubtedSince == nil {
      resume()
    } else {
      hold("")
    }
  }

  private func waitForTurn() async {
    turns += 1
    if turnsSince == nil {
      turnsSince = clock.now
      turnsTimer?.schedule(after: Self.quietTurns + 0.1)
    }
    await backend.turn(for: .action)
    turns -= 1
    guard turns == 0 else { return }
    turnsSince = nil
    turnsTimer?.suspend()
  }

  /// - Parameters:
  ///   - words: why; empty for what has been said.
  ///   - item: what was turned away, if it was one's; another user's holds nobody up.
  ///   - longest: the longest wait, in seconds.
  func hold(
    _ words: String, of item: Item? = nil, isLimit: Bool = false, longest: Double = .infinity
  ) {
    guard item?.user == nil else { return }
    let uid = item?.key
    let now = clock.now
    width = 1
    if pause == nil {
      if doubtedSince == nil {
        log.warning(
          "PBS takes no jobs: \(words); one job at a time is tried until PBS takes it")
      }
      quietTimer?.schedule(after: Self.quiet + 0.1)
    }
    if let uid { pause?.pods.insert(uid) }
    // Submissions that were under way together are one failure.
    if let pause, now < pause.until { return }
    let delay = doubtedSince == nil ? min(waits.delay(), longest) : doubts.delay()
    pause = Pause(
      words: words.isEmpty ? pause?.words ?? "" : words, isLimit: isLimit,
      pods: pause?.pods ?? Set([uid].compactMap(\.self)), since: pause?.since ?? now,
      until: now + delay)
    timer?.schedule(after: delay)
  }

  private func resume() {
    waits.reset()
    if let pause {
      log.notice("PBS takes jobs again after \(Int(clock.now - pause.since)) s")
    }
    pause = nil
    width = min(width * 2, inFlight)
  }
}
