import DequeModule
import Logging
import Runtime

/// The helpers of libpbs, one for each user of PBS: our own, which looks and does what is ours, and
/// those of others, for what is submitted or deleted in their names. These are started when there is
/// something for them, bounded in number, and ended when they have been idle for long. Where there is
/// no place for one more, who has had his for some seconds gives it up as soon as what was asked of
/// his helper is done, and all that want one have their turn.
@EventLoop
final class UserHelpers {
  /// Helpers of other users at once. Each keeps a connection, and so one of PBS's.
  private let most: Int
  /// Seconds after which a helper that has nothing to do is ended.
  private let idleTime: Double

  /// Seconds for which a user keeps his helper though others wait for one.
  private static let lease = 5.0

  private final class Entry {
    let client: LibraryClient
    let since: Double
    /// Requests that are its to answer.
    var pending = 0
    var usedAt = 0.0

    init(_ client: LibraryClient, now: Double) {
      self.client = client
      since = now
    }
  }

  let users: SubmittingUsers
  private let program: LibraryClient.Program
  private let timeout: Double
  private let clock: any Clock
  private let log: Logger
  private let own: LibraryClient
  private var others: [String: Entry] = [:]
  /// By user.
  private var remains: [String: HelperRemains] = [:]
  /// Who waits until there may be another helper, and places that are kept for whom that was told.
  private var waiting: Deque<CheckedContinuation<Void, Never>> = []
  private var reserved = 0
  private var idleTimer: (any Timer)?

  /// - Parameters:
  ///   - program: how our own helper is started; others' have their user for further arguments, and
  ///     an environment of their own.
  ///   - timeout: seconds after which a helper that has not answered is ended.
  init(
    _ program: LibraryClient.Program, users: SubmittingUsers, most: Int = 16,
    idleTime: Double = 300, timeout: Double, clock: any Clock,
    log: Logger
  ) {
    self.program = program
    self.users = users
    self.most = most
    self.idleTime = idleTime
    self.timeout = timeout
    self.clock = clock
    self.log = log
    own = LibraryClient(program, timeout: timeout, clock: clock, log: log)
    idleTimer = clock.timer { [weak self] in self?.endIdle() }
  }

  /// How many helpers of others there are.
  var count: Int { others.count }

  /// How many of them have something to answer.
  var busy: Int { others.values.count { $0.pending > 0 } }

  /// Asks our own helper.
  func ask(
    _ request: HelperRequest, within seconds: Double? = nil
  ) async throws(LibraryFailure) -> HelperAnswer {
    try await own.ask(request, within: seconds)
  }

  /// Asks another user's helper.
  /// - Parameter user: one whom we can be (``SubmittingUsers/other(_:)``).
  func ask(
    _ request: HelperRequest, as user: PBSUser
  ) async throws(LibraryFailure) -> HelperAnswer {
    let entry = await take(user)
    defer {
      entry.pending -= 1
      entry.usedAt = clock.now
      if entry.pending == 0 { becameIdle() }
    }
    return try await entry.client.ask(request)
  }

  /// A user's helper, of which one request more is pending from now on.
  private func take(_ user: PBSUser) async -> Entry {
    let name = user.name
    if let known = others[name], waiting.isEmpty || clock.now - known.since < Self.lease {
      known.pending += 1
      return known
    }
    if !waiting.isEmpty || (others.count + reserved >= most && !endOldestIdle()) {
      await withCheckedContinuation { waiting.append($0) }
      reserved -= 1
      // Another request of his has been served in the meantime.
      if let known = others[name] {
        known.pending += 1
        admit()
        return known
      }
    }
    // Where nothing comes of it.
    defer { admit() }
    var theirs = program
    theirs.user = name
    theirs.arguments += [name, "\(users.leastUID)"]
    theirs.environment = user.environment(own: program.environment)
    theirs.keepsCapabilities = true
    let remains = remains[name] ?? HelperRemains()
    self.remains[name] = remains
    let client = LibraryClient(
      theirs, timeout: timeout, remains: remains, clock: clock, log: log)
    let entry = Entry(client, now: clock.now)
    entry.pending = 1
    others[name] = entry
    return entry
  }

  // MARK: Ending them

  private func becameIdle() {
    admit()
    scheduleEnd()
  }

  /// Lets those go on who wait, as far as there are places.
  private func admit() {
    while !waiting.isEmpty, others.count + reserved < most || endOldestIdle() {
      reserved += 1
      waiting.popFirst()?.resume()
    }
  }

  private func scheduleEnd() {
    let idle = others.values.filter { $0.pending == 0 }.map(\.usedAt)
    guard let oldest = idle.min() else { return }
    idleTimer?.schedule(after: max(oldest + idleTime - clock.now, 0.01))
  }

  private func endIdle() {
    let now = clock.now
    for (name, entry) in others where entry.pending == 0 && now - entry.usedAt >= idleTime {
      end(name, entry)
    }
    scheduleEnd()
  }

  private func endOldestIdle() -> Bool {
    let idle = others.filter { $0.value.pending == 0 }
    guard let (name, entry) = idle.min(by: { $0.value.usedAt < $1.value.usedAt }) else {
      return false
    }
    end(name, entry)
    return true
  }

  private func end(_ name: String, _ entry: Entry) {
    log.debug("libpbs's helper for \(name) is ended, since it is idle")
    entry.client.end()
    others[name] = nil
  }
}
