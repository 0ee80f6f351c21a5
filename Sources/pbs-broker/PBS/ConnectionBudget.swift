/// What a command connects to the PBS server for.
enum ConnectionUse: CaseIterable, Sendable {
  /// Submitting and deleting jobs.
  case action
  /// Looking at jobs and hosts.
  case look
}

/// When a command may connect, so that no minute has more connections than a site allows: each
/// takes one of its host's some 500 reserved ports for a minute, and the users' qstat needs them too.
///
/// Looks have a third of them and actions the rest; neither can starve the other. The first half
/// of a share may be used at once; the other half is spread over what remains of the minute, so
/// that a burst is followed by slow going, not by a standstill.
struct ConnectionBudget: Sendable {
  static let window = 60.0

  /// Connections a minute, of all uses together.
  let limit: Int
  private var moments: [ConnectionUse: [Double]] = [:]

  /// - Parameter limit: connections a minute, at least 2.
  init(limit: Int) {
    self.limit = max(limit, 2)
  }

  /// Connections a minute of one use.
  func share(of use: ConnectionUse) -> Int {
    let looks = max(limit / 3, 1)
    return use == .look ? looks : limit - looks
  }

  /// Takes connections for a command.
  /// - Parameters:
  ///   - count: how many it makes; more than the share count as the share.
  ///   - now: the present moment, in seconds.
  /// - Returns: when the command may begin, `now` or later; never before one that came earlier.
  mutating func take(_ count: Int, for use: ConnectionUse, now: Double) -> Double {
    let share = share(of: use)
    let count = min(count, share)
    var taken = taken(for: use, after: now)
    var moment = max(now, taken.last ?? now)
    if taken.count + count > share {
      moment = max(moment, taken[taken.count + count - share - 1] + Self.window)
    }
    let used = taken.count { $0 > moment - Self.window }
    if used * 2 >= share, let oldest = taken.first(where: { $0 > moment - Self.window }) {
      moment += (oldest + Self.window - moment) / Double(share - used + 1)
    }
    taken += Array(repeating: moment, count: count)
    moments[use] = taken
    return moment
  }

  /// Counts connections that a command made beyond those that were taken for it.
  mutating func add(_ count: Int, for use: ConnectionUse, now: Double) {
    guard count > 0 else { return }
    let taken = taken(for: use, after: now)
    moments[use] = taken + Array(repeating: max(now, taken.last ?? now), count: count)
  }

  /// Connections that are left in this minute.
  func left(for use: ConnectionUse, now: Double) -> Int {
    max(share(of: use) - taken(for: use, after: now).count, 0)
  }

  /// Connections of the last minute.
  func made(for use: ConnectionUse, now: Double) -> Int {
    taken(for: use, after: now).count { $0 <= now }
  }

  /// Those of the last minute and those that are to come, in order.
  private func taken(for use: ConnectionUse, after now: Double) -> [Double] {
    Array((moments[use] ?? []).drop { $0 <= now - Self.window })
  }
}
