/// How often something may be done: a burst, and then once in an interval. (As in client-go's
/// EventSourceObjectSpamFilter and flowcontrol.)
struct TokenBucket: Sendable {
  /// The most at once.
  let burst: Double
  /// Seconds until one more may be done; 0 means no limit.
  let interval: Double
  private var tokens: Double
  private var at = -Double.infinity

  init(burst: Double, interval: Double) {
    self.burst = burst
    self.interval = interval
    tokens = burst
  }

  /// Takes one, if there is one.
  /// - Parameter now: monotonic, in seconds.
  mutating func take(_ now: Double) -> Bool {
    guard has(now) else { return false }
    if interval > 0 { tokens -= 1 }
    return true
  }

  /// Whether there is one to take.
  mutating func has(_ now: Double) -> Bool {
    guard interval > 0 else { return true }
    if at.isFinite { tokens = min(burst, tokens + max(now - at, 0) / interval) }
    at = now
    return tokens >= 1
  }
}
