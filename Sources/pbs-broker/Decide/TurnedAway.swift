/// Pods whose jobs PBS turned away in words that are about its own state.
///
/// The same words may be about one job alone, such as one over which a hook of the site fails. So no
/// pod tries for all for long, and one whose job is turned away again and again while those of others
/// are taken has itself to blame.
struct TurnedAway: Sendable {
  /// What follows for a pod.
  enum Verdict: Sendable, Equatable {
    /// Its job tries for all; not the next time where its turn is over.
    case triesForAll(isTurnOver: Bool)
    /// PBS takes the jobs of others and not this one.
    case isToBlame
  }

  /// How often in a row one pod tries for all.
  static let triesInRow = 2
  /// How often a job is turned away, others being taken in between, until its pod is to blame.
  static let triesAmongOthers = 3
  /// The most pods that are remembered.
  static let limit = 10_000

  private struct Entry {
    var inRow = 0
    var amongOthers = 0
    /// ``takenCount`` at that time.
    var taken: Int
  }

  private var entries: [String: Entry] = [:]
  /// Jobs that PBS has taken.
  private var takenCount = 0

  /// PBS has taken the pod's job.
  mutating func taken(_ uid: String) {
    takenCount += 1
    entries[uid] = nil
  }

  /// Nothing is wanted for the pod any more.
  mutating func forget(_ uid: String) {
    entries[uid] = nil
  }

  /// PBS has turned the pod's job away.
  mutating func turnedAway(_ uid: String) -> Verdict {
    if entries.count >= Self.limit { entries.removeAll() }
    var entry = entries[uid] ?? Entry(taken: takenCount)
    if entry.taken != takenCount { entry.amongOthers += 1 }
    entry.taken = takenCount
    entry.inRow += 1
    let isTurnOver = entry.inRow >= Self.triesInRow
    if isTurnOver { entry.inRow = 0 }
    entries[uid] = entry
    return entry.amongOthers >= Self.triesAmongOthers
      ? .isToBlame : .triesForAll(isTurnOver: isTurnOver)
  }
}
