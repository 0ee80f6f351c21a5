/// Which of the lines that repeat are written: of each cause a few in an interval, and at its end
/// one that says how many were left out. Values only; ``RepeatedLine`` has the clock and the log.
struct LineCounts {
  /// The most causes that are counted one by one; further ones are counted together.
  static let most = 100

  private struct Count {
    var written = 0
    var leftOut = 0
    var last: String
  }

  private let burst: Int
  private var counts: [String: Count] = [:]

  /// - Parameter burst: lines of one cause that are written in an interval.
  init(burst: Int) {
    self.burst = burst
  }

  /// Whether nothing has to be remembered.
  var isEmpty: Bool { counts.isEmpty }

  /// Counts a line.
  /// - Returns: whether it is to be written.
  mutating func add(_ text: String, cause: String) -> Bool {
    let cause = counts[cause] == nil && counts.count >= Self.most ? "others" : cause
    var count = counts[cause] ?? Count(last: text)
    defer { counts[cause] = count }
    count.last = text
    guard count.written < burst else {
      count.leftOut += 1
      return false
    }
    count.written += 1
    return true
  }

  /// Ends an interval. Causes that went on are summed up, and have had their lines of the next
  /// interval with that; the others are forgotten.
  /// - Returns: for each cause that went on its last line, and how many were left out.
  mutating func endInterval() -> [(last: String, leftOut: Int)] {
    let wentOn = counts.filter { $0.value.leftOut > 0 }
    counts = wentOn.mapValues { Count(written: burst, last: $0.last) }
    return wentOn.sorted { $0.key < $1.key }.map { ($0.value.last, $0.value.leftOut) }
  }
}
