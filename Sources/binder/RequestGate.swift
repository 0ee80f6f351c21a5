import Runtime

/// Whether requests may be sent to the API server now, by how it has answered: while it is away,
/// overloaded or refuses the credential, all requests rest, and then go one at a time until one
/// is answered.
struct RequestGate: Sendable {
  /// How a request failed that says something about the server, and not about its object.
  enum Failure: Sendable, Equatable {
    /// 429; seconds that the server asks for.
    case busy(Double?)
    /// 401.
    case unauthorized
    /// No answer, 502 or 503.
    case away
    /// Another 5xx: perhaps the server, perhaps what one namespace has put in a request's way.
    case failed
  }

  enum Change: Sendable, Equatable {
    case began(Failure)
    /// After so many seconds.
    case ended(Double)
  }

  /// Pods whose requests fail one after the other, before a 5xx counts as the server's.
  static let suspicion = 3
  /// Seconds of rest at the most for such a 5xx: it may be no more than one namespace's webhook.
  static let longestRestOfSuspicion = 5.0

  /// Since when; nil while all is well.
  private(set) var troubleSince: Double?
  /// Since when the credential is refused without an answer in between; nil while it is not.
  private(set) var refusedSince: Double?
  private var restUntil = -Double.infinity
  /// The rest that is under way, or the last one, began then.
  private var restBegan = -Double.infinity
  private var backoff: Backoff
  private var suspects: Set<String> = []

  init(jitter: Jitter) {
    backoff = Backoff(first: 0.5, longest: 30, jitter: jitter)
  }

  /// Seconds to wait before the next request.
  func wait(_ now: Double) -> Double { max(restUntil - now, 0) }

  /// How many requests may be under way at once.
  func mostAtOnce(_ usual: Int) -> Int { troubleSince == nil ? usual : 1 }

  /// A request has failed.
  /// - Parameters:
  ///   - pod: the UID of the pod that it was about.
  ///   - sent: when it was sent. What was under way when a rest began is no news.
  mutating func failed(_ failure: Failure, pod: String, sent: Double, now: Double) -> Change? {
    guard sent >= restBegan else { return nil }
    let isNews = troubleSince == nil || (failure == .unauthorized && refusedSince == nil)
    refusedSince = failure == .unauthorized ? refusedSince ?? now : nil
    if failure == .failed, troubleSince == nil {
      suspects.insert(pod)
      guard suspects.count >= Self.suspicion else { return nil }
    }
    var rest = backoff.delay()
    switch failure {
    case .busy(let asked): rest = max(asked ?? 1, troubleSince == nil ? 0 : rest)
    case .failed: rest = min(rest, Self.longestRestOfSuspicion)
    case .unauthorized, .away: break
    }
    restBegan = now
    restUntil = now + rest
    troubleSince = troubleSince ?? now
    return isNews ? .began(failure) : nil
  }

  /// The server has answered, be it with a refusal that is about the request.
  mutating func answered(sent: Double, now: Double) -> Change? {
    guard sent >= restBegan else { return nil }
    suspects.removeAll()
    refusedSince = nil
    backoff.reset()
    restUntil = -.infinity
    guard let since = troubleSince else { return nil }
    troubleSince = nil
    return .ended(now - since)
  }
}
