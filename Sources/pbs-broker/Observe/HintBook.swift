/// The hints of PBS's hooks that have not been followed yet, bounded in number; and whether hints
/// can be relied upon: only those count that proved true.
struct HintBook: Sendable {
  /// Jobs that are asked about one by one; beyond that all jobs are polled.
  static let most = 200
  /// Seconds after a hint that proved true for which hints are relied upon.
  static let reliance = 600.0

  private(set) var jobs: Set<String> = []
  private var provedAt = -Double.infinity

  /// Whether hints tell what happens, so that polls may be rarer.
  func isReliable(now: Double) -> Bool { now - provedAt < Self.reliance }

  /// Notes a hint of a job that is ours.
  /// - Returns: whether there is room; if not, all jobs are to be polled.
  mutating func note(_ job: String) -> Bool {
    guard jobs.count < Self.most || jobs.contains(job) else { return false }
    jobs.insert(job)
    return true
  }

  /// Takes the hints, to follow them.
  mutating func take() -> Set<String> {
    defer { jobs = [] }
    return jobs
  }

  /// PBS has told something new of a job that a hint was about.
  mutating func proved(now: Double) {
    provedAt = now
  }
}
