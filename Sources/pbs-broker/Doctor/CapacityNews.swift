/// When it is said in the log that a host and its node do not agree: at the start, and when what is
/// wrong has changed. What others hold of a node changes all the time, and is no news.
struct CapacityNews {
  /// Seconds between two comparisons of all hosts.
  static let interval = 300.0

  /// A line for the log.
  struct Line: Equatable {
    var text: String
    var isWarning: Bool
  }

  /// What was said last, by host: the first words of each finding, which name its subject.
  private var said: [String: [Substring]] = [:]
  private var lookedAt = -Double.infinity

  /// Whether it is time to compare all hosts. Asking for it starts the next interval.
  mutating func isDue(now: Double) -> Bool {
    guard now - lookedAt >= Self.interval else { return false }
    lookedAt = now
    return true
  }

  /// One line a host of which something else is wrong than was said last.
  mutating func lines(of reports: [HostReport]) -> [Line] {
    var lines: [Line] = []
    let hosts = Set(reports.compactMap(\.host))
    said = said.filter { hosts.contains($0.key) }
    for report in reports {
      guard let host = report.host else { continue }
      let wrong = report.findings.filter(\.isWrong)
      let subjects = wrong.map { $0.words.prefix { $0 != " " } }
      guard subjects != said[host, default: []] else { continue }
      said[host] = subjects.isEmpty ? nil : subjects
      let words = wrong.map(\.words).joined(separator: "; ")
      lines.append(
        wrong.isEmpty
          ? Line(text: "host \(host) agrees with its node now", isWarning: false)
          : Line(
            text: "host \(host): \(words): pbs-broker doctor says what to change", isWarning: true))
    }
    return lines
  }
}
