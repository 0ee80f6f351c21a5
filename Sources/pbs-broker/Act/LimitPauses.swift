import Logging
import Runtime

/// Submissions that wait since a limit of PBS is reached which is not about all jobs: those that
/// count against it. Of each limit's one at a time is tried, after a wait that grows, and at once when
/// a job of ours has ended; more when PBS takes it.
@EventLoop
final class LimitPauses {
  private struct Waiting: Sendable {
    var item: UserQueue.Item
    var number: Int
  }

  private final class Pause {
    let scope: LimitScope
    var words = ""
    let since: Double
    /// Nothing is tried before this moment.
    var until = 0.0
    var waits: Backoff
    var timer: (any Timer)?
    var waiting = Turns<Waiting>()
    /// How many of these still wait.
    var live = 0
    /// Those that are tried now, and how many may be at once.
    var tried: Set<String> = []
    var width = 1
    /// PBS has taken one.
    var isOver = false

    init(_ scope: LimitScope, since: Double, waits: Backoff) {
      self.scope = scope
      self.since = since
      self.waits = waits
    }
  }

  /// Seconds after which pods are told.
  private static let quiet = 5.0
  /// Limits that are followed at once.
  nonisolated static let most = 256
  /// Items of a limit that no longer wait and take room all the same, at most, or as many as wait.
  private static let mostDead = 64

  private let own: String
  private let inFlight: Int
  private let release: @EventLoop (UserQueue.Item) -> Void
  private let tell: @EventLoop () -> Void
  private let clock: any Clock
  private let log: Logger
  private var pauses: [LimitScope: Pause] = [:]
  /// By the item's key: behind which limit it waits, and which of the items of this key counts.
  private var waiting: [String: (scope: LimitScope, number: Int)] = [:]
  private var lastNumber = 0
  private var quietTimer: (any Timer)?

  /// - Parameters:
  ///   - own: PBS's user of jobs that name none.
  ///   - inFlight: submissions at once.
  ///   - release: tries a submission, which comes back here.
  ///   - tell: pods are to be told why they wait.
  init(
    own: String, inFlight: Int, release: @escaping @EventLoop (UserQueue.Item) -> Void,
    tell: @escaping @EventLoop () -> Void, clock: any Clock, log: Logger
  ) {
    self.own = own
    self.inFlight = inFlight
    self.release = release
    self.tell = tell
    self.clock = clock
    self.log = log
    quietTimer = clock.timer { tell() }
  }

  var isEmpty: Bool { pauses.isEmpty }

  /// Whether there is room for one limit more: who may name a project of his own can reach many.
  func hasRoom(for scope: LimitScope) -> Bool {
    pauses[scope] != nil || pauses.count < Self.most
  }

  /// How many wait.
  var count: Int { waiting.count }

  /// Why a pod's job is not submitted, once that has lasted for some seconds.
  func hindrance(of job: JobDescription) -> String? {
    let reached = pauses.values.filter { $0.scope.contains(job, own: own) }
    guard let oldest = reached.min(by: { $0.since < $1.since }),
      clock.now - oldest.since >= Self.quiet
    else { return nil }
    return "a limit of PBS is reached, and the job is submitted when there is room: \(oldest.words)"
  }

  /// Takes over a submission that would count against a limit that is reached, and is not the one
  /// that is to try.
  /// - Returns: whether it waits here now.
  func holds(_ item: UserQueue.Item, _ job: JobDescription) -> Bool {
    let pause = pauses.values.first {
      $0.scope.contains(job, own: own) && !$0.tried.contains(item.key)
    }
    guard let pause else { return false }
    add(item, to: pause)
    goOn(pause)
    return true
  }

  /// The pod of a submission that waits here, or is tried, has changed.
  /// - Parameter job: its job now; nil where none is wanted any more.
  /// - Returns: whether it waited here and no longer does: it is tried like any other.
  func release(_ key: String, unlessStill job: JobDescription?) -> Bool {
    guard let scope = waiting[key]?.scope else { return false }
    if let job, scope.contains(job, own: own) { return false }
    take(key)
    return true
  }

  private func add(_ item: UserQueue.Item, to pause: Pause, first: Bool = false) {
    take(item.key)
    lastNumber += 1
    waiting[item.key] = (pause.scope, lastNumber)
    pause.live += 1
    pause.waiting.add(
      Waiting(item: item, number: lastNumber), of: item.namespace, first: first)
  }

  private func take(_ key: String) {
    guard let scope = waiting.removeValue(forKey: key)?.scope, let pause = pauses[scope] else {
      return
    }
    pause.live -= 1
    if pause.waiting.count - pause.live > max(pause.live, Self.mostDead) {
      pause.waiting.removeAll { !isLive($0) }
    }
  }

  private func isLive(_ entry: Waiting) -> Bool {
    waiting[entry.item.key]?.number == entry.number
  }

  /// PBS has turned a submission away by such a limit; it waits here from now on.
  /// - Parameter first: before others that wait for the same.
  func reached(_ scope: LimitScope, _ words: String, _ item: UserQueue.Item, first: Bool) {
    let now = clock.now
    let pause = pauses[scope] ?? begin(scope, words)
    for other in pauses.values where other.tried.remove(item.key) != nil && other !== pause {
      goOn(other)
    }
    pause.words = words
    pause.width = 1
    add(item, to: pause, first: first)
    // Submissions that were under way together are one failure.
    guard now >= pause.until else { return }
    let delay = pause.waits.delay()
    pause.until = now + delay
    pause.timer?.schedule(after: delay)
  }

  private func begin(_ scope: LimitScope, _ words: String) -> Pause {
    let waits = Backoff(first: 1, longest: 30, jitter: clock.jitter())
    let pause = Pause(scope, since: clock.now, waits: waits)
    pause.timer = clock.timer { [weak self, weak pause] in
      guard let pause else { return }
      pause.until = 0
      self?.goOn(pause)
    }
    pauses[scope] = pause
    log.warning(
      "PBS takes no jobs of \(scope.words): \(words); one of them at a time is tried until PBS takes it"
    )
    quietTimer?.schedule(after: Self.quiet + 0.1)
    return pause
  }

  /// PBS has taken the pod's job.
  func taken(_ uid: String) {
    for pause in pauses.values where pause.tried.remove(uid) != nil {
      pause.isOver = true
      pause.waits.reset()
      pause.until = 0
      pause.width = min(pause.width * 2, inFlight)
      goOn(pause)
    }
  }

  /// Nothing came of trying this one, for another reason than the limit.
  func dropped(_ uid: String) {
    for pause in pauses.values where pause.tried.remove(uid) != nil { goOn(pause) }
  }

  /// A job of ours has ended: there may be room again.
  func jobEnded() {
    for pause in pauses.values {
      pause.until = 0
      goOn(pause)
    }
  }

  private func goOn(_ pause: Pause) {
    guard clock.now >= pause.until else { return }
    while pause.tried.count < pause.width, let next = pause.waiting.popFirst(where: isLive) {
      waiting[next.item.key] = nil
      pause.live -= 1
      pause.tried.insert(next.item.key)
      release(next.item)
    }
    guard pause.tried.isEmpty, pause.live == 0, pauses[pause.scope] === pause else { return }
    pauses[pause.scope] = nil
    log.notice(
      pause.isOver
        ? "PBS takes jobs of \(pause.scope.words) again after \(Int(clock.now - pause.since)) s"
        : "no job of \(pause.scope.words) waits any more")
  }
}
