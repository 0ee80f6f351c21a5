import Logging
import Runtime
import Text

/// Users of PBS, other than our own, as whom PBS is asked, and trouble with the processes that do so.
///
/// These processes are theirs: they can stop them, kill them, or have them say anything. So what is
/// under way for one of them is bounded, and what his process does not answer, or answers as a PBS
/// that is busy, is his trouble alone: his requests rest, longer each time, and then one of them is
/// tried.
@EventLoop
final class UserTrouble {
  /// What PBS is asked for. Where it answers, trouble with one kind says nothing of the others.
  enum Kind: String, CaseIterable, Sendable {
    case submissions, deletions, changes
  }

  /// Requests of one kind at once as one user.
  nonisolated static let places = 2
  /// Seconds that his requests rest: the first time, and the longest.
  nonisolated static let firstRest = 2.0
  nonisolated static let longestRest = 300.0
  /// Seconds without trouble after which the rests start over. That he is answered now and then does
  /// not do: each time that he is not costs a place for `command-timeout`.
  nonisolated static let calm = 600.0
  /// Seconds after which pods are told.
  nonisolated static let quiet = 5.0

  private struct Key: Hashable {
    var user: String
    /// nil for whatever is asked as him: his process does not answer.
    var kind: Kind?

    init(user: String, kind: Kind? = nil) {
      self.user = user
      self.kind = kind
    }
  }

  private final class Rest {
    var words = ""
    /// Since when there is trouble; nil while there is none.
    var since: Double?
    var failedAt = -Double.infinity
    /// Since when PBS's server takes his jobs and does not vouch for them; nil while it does.
    var doubtedSince: Double?
    /// Nothing is tried before this moment; monotonic seconds.
    var until = 0.0
    var waits: Backoff
    var timer: (any Timer)?

    init(_ waits: Backoff) {
      self.waits = waits
    }
  }

  private let clock: any Clock
  private let log: Logger
  private var rests: [Key: Rest] = [:]
  private var active: [Key: Int] = [:]
  /// Called when a request as this user may begin.
  private var listeners: [@EventLoop (String) -> Void] = []
  /// Called when pods are to be told.
  var onTrouble: (@EventLoop () -> Void)?
  /// Whether PBS answers nobody: then nothing is asked.
  var isAway: @EventLoop () -> Bool = { false }
  private var quietTimer: (any Timer)?

  init(clock: any Clock, log: Logger) {
    self.clock = clock
    self.log = log
    quietTimer = clock.timer { [weak self] in self?.onTrouble?() }
  }

  /// - Parameter handler: starts what waits of a user.
  func whenFree(_ handler: @escaping @EventLoop (String) -> Void) {
    listeners.append(handler)
  }

  /// Takes a place for a request, whose end is to be told; false while there is none.
  func begin(_ kind: Kind, as user: String) -> Bool {
    if isAway() { return false }
    let place = Key(user: user, kind: kind)
    let troubled = rests(kind, user).filter { $0.since != nil }
    let kinds = rests[Key(user: user)]?.since == nil ? [kind] : Kind.allCases
    let count = kinds.reduce(0) { $0 + active[Key(user: user, kind: $1), default: 0] }
    guard count < (troubled.isEmpty ? Self.places : 1),
      troubled.allSatisfy({ clock.now >= $0.until })
    else { return false }
    active[place, default: 0] += 1
    return true
  }

  /// The request is over, and what came of it has been told.
  func end(_ kind: Kind, as user: String) {
    let place = Key(user: user, kind: kind)
    let left = active[place, default: 1] - 1
    active[place] = left > 0 ? left : nil
    start(user)
  }

  /// What came of a request as this user.
  /// - Parameter error: nil where PBS has done it, or has refused only that.
  func noted(_ error: PBSError?, of kind: Kind, as user: String) {
    // Then it is nobody's trouble in particular.
    guard !isAway() else { return }
    switch error {
    case .unavailable(let words):
      failed(Key(user: user), words)
    case .busy(let words), .unauthorized(let words):
      answered(Key(user: user))
      failed(Key(user: user, kind: kind), words)
    case .limit, .refused, nil:
      answered(Key(user: user))
      answered(Key(user: user, kind: kind))
    }
  }

  /// PBS has taken a job of his, and its server does not vouch for it: each further one would be as
  /// useless.
  func doubt(_ words: String, of user: String) {
    let key = Key(user: user, kind: .submissions)
    let rest = rests[key] ?? make(key)
    guard rest.doubtedSince == nil else { return }
    rest.doubtedSince = clock.now
    failed(key, words)
  }

  /// PBS's server vouches for a job of his.
  /// - Parameter added: when it was submitted.
  func trust(_ added: Double, of user: String) {
    let key = Key(user: user, kind: .submissions)
    guard let rest = rests[key], let since = rest.doubtedSince, added > since else { return }
    rest.doubtedSince = nil
    answered(key)
    start(user)
  }

  /// Why nothing of this kind is asked as this user, once that has lasted for some seconds.
  func words(_ kind: Kind, of user: String) -> String? {
    let lasting = rests(kind, user).filter { clock.now - ($0.since ?? .infinity) >= Self.quiet }
    return lasting.first.map { "PBS answers nothing as user \(user): \($0.words)" }
  }

  private func rests(_ kind: Kind, _ user: String) -> [Rest] {
    [Key(user: user), Key(user: user, kind: kind)].compactMap { rests[$0] }
  }

  private func failed(_ key: Key, _ words: String) {
    let now = clock.now
    let rest = rests[key] ?? make(key)
    if rest.since == nil {
      rest.since = now
      let what = key.kind?.rawValue ?? "requests"
      log.warning(
        "\(what) as PBS user \(key.user) rest: \(words); one at a time is tried until it works")
      quietTimer?.schedule(after: Self.quiet + 0.1)
    }
    // Requests that were under way together are one failure.
    guard now >= rest.until else { return }
    if now - rest.failedAt >= Self.calm { rest.waits.reset() }
    rest.failedAt = now
    rest.words = words
    let delay = rest.waits.delay()
    rest.until = now + delay
    rest.timer?.schedule(after: delay)
  }

  private func answered(_ key: Key) {
    guard let rest = rests[key], let since = rest.since else { return }
    // That it takes one more shows nothing.
    if rest.doubtedSince != nil { return failed(key, rest.words) }
    rest.since = nil
    rest.until = 0
    let what = key.kind?.rawValue ?? "requests"
    log.notice(
      "\(what) as PBS user \(key.user) work again after \(String(rounded: clock.now - since)) s")
  }

  private func make(_ key: Key) -> Rest {
    let rest = Rest(
      Backoff(first: Self.firstRest, longest: Self.longestRest, jitter: clock.jitter()))
    rest.timer = clock.timer { [weak self, user = key.user] in self?.start(user) }
    rests[key] = rest
    return rest
  }

  private func start(_ user: String) {
    for listener in listeners { listener(user) }
  }
}
