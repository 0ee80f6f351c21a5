/// A binding that the API server refuses for the pod's own sake: an admission policy or webhook is
/// against it, or the webhook does not answer.
struct RefusedBinding: Sendable, Equatable {
  /// Seconds from one try to the next at most.
  private static let longestWait = 30.0

  let job: String
  /// The server's, as told last.
  private(set) var words: String
  /// When it was refused first, and how often since; monotonic.
  private let since: Double
  private var count = 1
  private var triedAt: Double

  init(job: String, words: String, now: Double) {
    self.job = job
    self.words = words
    since = now
    triedAt = now
  }

  /// It was tried again.
  mutating func again(_ words: String, now: Double) {
    self.words = words
    count += 1
    triedAt = now
  }

  /// Seconds from the last try to the next.
  var wait: Double { min(Double(1 << min(count, 10)), Self.longestWait) }

  /// What keeps the pod from being bound; nil when it is time to try again.
  /// - Parameter patience: seconds for which the job keeps its place.
  func shortage(patience: Double, now: Double) -> Situation.Shortage? {
    let isOverdue = now - since >= patience
    guard isOverdue || now - triedAt < wait else { return nil }
    return .init(words: "is there, and its pod cannot be bound: \(words)", isOverdue: isOverdue)
  }
}
