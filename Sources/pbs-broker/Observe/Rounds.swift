/// Goes through many things again and again, some at a time, so that each has its turn within a
/// fixed time and none waits for all. Pure: moments, in seconds, are passed in.
struct Rounds: Sendable {
  /// Seconds of a round, at most.
  let period: Double
  private var rest: [String] = []
  private var size = 0
  private var at: Double?
  /// Turns that are due, in parts of one.
  private var due = 0.0

  init(period: Double) {
    self.period = period
  }

  /// Those whose turn has come since the last call.
  /// - Parameter all: of these the next round is made.
  mutating func next(of all: some Collection<String>, now: Double) -> [String] {
    defer { at = now }
    guard let at else { return [] }
    if rest.isEmpty {
      rest = Array(all)
      size = rest.count
    }
    due += Double(size) * max(now - at, 0) / period
    let count = min(Int(min(due, Double(size))), rest.count)
    due = count == rest.count ? 0 : due - Double(count)
    defer { rest.removeLast(count) }
    return Array(rest.suffix(count))
  }
}
