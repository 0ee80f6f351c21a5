/// Keeps a PBS that has lost its memory from ending pods: when many running jobs vanish
/// within one look, their end counts only after two further looks, some time apart,
/// have agreed.
struct VanishGuard: Sendable {
  /// The share of known running jobs, 0 to 1, and the number, that must both be exceeded.
  var share = 0.2
  var least = 10
  /// Seconds between the looks that count.
  var interval = 30.0

  private(set) var confirmations = 0
  private var countedAt = 0.0
  /// Whether a mass disappearance is being doubted now.
  private(set) var isDoubting = false

  init(share: Double = 0.2, least: Int = 10, interval: Double = 30) {
    self.share = share
    self.least = least
    self.interval = interval
  }

  /// Judges one look.
  /// - Parameters:
  ///   - vanished: running jobs that PBS no longer knows.
  ///   - known: all jobs that ran at the look before.
  ///   - now: seconds, monotonic.
  /// - Returns: whether to believe it.
  mutating func believes(vanished: Int, of known: Int, now: Double) -> Bool {
    let isMany = vanished >= least && Double(vanished) > share * Double(known)
    // Once in doubt, that some of the pods have gone by themselves makes the others' jobs no
    // more certain; only that all jobs are back does.
    guard isMany || (isDoubting && vanished > 0) else {
      isDoubting = false
      return true
    }
    if !isDoubting {
      isDoubting = true
      confirmations = 0
      countedAt = now
      return false
    }
    if now - countedAt >= interval {
      confirmations += 1
      countedAt = now
    }
    guard confirmations >= 2 else { return false }
    isDoubting = false
    return true
  }
}
