import Messages

/// How often a pod's owner is told something new. PBS rewrites its comments all the time, and each
/// report is a status patch and an Event.
///
/// What differs in numbers only counts as the same, and is told every few minutes; what is really
/// new is told at once a few times, then more and more seldom. Moments are monotonic seconds.
struct ReportThrottle: Sendable {
  /// Seconds between reports that differ in numbers only.
  static let sameInterval = 300.0
  /// Seconds between reports that really differ: the first, and the longest.
  static let firstInterval = 5.0
  static let longestInterval = 300.0
  /// Seconds without a report after which the intervals start over.
  static let calm = 600.0

  private var lastText: String?
  private var lastAt = -Double.infinity
  private var interval = firstInterval

  /// Whether this text may be told now, the last one having been told before.
  func allows(_ text: String, now: Double) -> Bool {
    guard let lastText else { return true }
    let isSame = Self.withoutNumbers(text) == Self.withoutNumbers(lastText)
    return now - lastAt >= (isSame ? Self.sameInterval : interval)
  }

  /// Has been told.
  mutating func told(_ text: String, now: Double) {
    let isCalm = now - lastAt >= Self.calm
    interval = isCalm ? Self.firstInterval : min(interval * 2, Self.longestInterval)
    lastText = text
    lastAt = now
  }

  /// The text with each run of digits as one "#".
  static func withoutNumbers(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    for octet in text.utf8 {
      let isDigit = (0x30...0x39).contains(octet)
      if isDigit, result.last == UInt8(ascii: "#") { continue }
      result.append(isDigit ? UInt8(ascii: "#") : octet)
    }
    return result
  }
}

extension BrokerMessage.Report {
  /// What counts for how often it may be told: another estimate is another number.
  var throttled: String { message + (estimatedStart ?? "") }
}
