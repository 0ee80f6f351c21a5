/// Keeps a PBS that has lost its memory from ending pods: when many running jobs vanish
/// within one look, the end of each counts only after two further looks, some time apart,
/// have agreed. `Item` is what a job is known by.
struct VanishGuard<Item: Hashable & Sendable>: Sendable {
  /// The share of known running jobs, 0 to 1, and the number, that must both be exceeded.
  var share = 0.2
  var least = 10
  /// Seconds between the looks that count.
  var interval = 30.0

  private struct Doubt {
    var confirmations = 0
    /// When it was counted last; monotonic seconds.
    var countedAt: Double
  }

  private var doubts: [Item: Doubt] = [:]
  /// Whether a mass disappearance is being doubted now.
  var isDoubting: Bool { !doubts.isEmpty }
  /// The jobs that are doubted to have vanished.
  var doubted: Set<Item> { Set(doubts.keys) }

  init(share: Double = 0.2, least: Int = 10, interval: Double = 30) {
    self.share = share
    self.least = least
    self.interval = interval
  }

  /// Judges one look at all jobs.
  /// - Parameters:
  ///   - vanished: running jobs that PBS does not know now.
  ///   - untold: those of which PBS has said nothing clear. They may be gone as well, so they count
  ///     towards a mass; a doubt about one of them is neither confirmed nor ended.
  ///   - known: all jobs that ran at the look before.
  ///   - now: seconds, monotonic.
  /// - Returns: those of `vanished` whose end is to be believed.
  mutating func believed(
    _ vanished: Set<Item>, untold: Set<Item> = [], of known: Int, now: Double
  ) -> Set<Item> {
    let count = vanished.union(untold).count
    let isMany = count >= least && Double(count) > share * Double(known)
    var believed: Set<Item> = []
    for id in vanished {
      // Each has its own doubt: others that are back, or that went with their pods meanwhile,
      // make it no more certain, and others that vanish later are not covered by it.
      guard var doubt = doubts[id] else {
        if isMany { doubts[id] = Doubt(countedAt: now) } else { believed.insert(id) }
        continue
      }
      if now - doubt.countedAt >= interval {
        doubt.confirmations += 1
        doubt.countedAt = now
      }
      doubts[id] = doubt
      if doubt.confirmations >= 2 { believed.insert(id) }
    }
    doubts = doubts.filter { id, _ in
      untold.contains(id) || (vanished.contains(id) && !believed.contains(id))
    }
    return believed
  }
}
