/// Waiting times that grow with each failure, with jitter so that many clients do not
/// come back together.
public struct Backoff: Sendable {
  /// The first and the longest delay, in seconds.
  public let first: Double
  public let longest: Double
  private var next: Double
  private var jitter: Jitter

  public init(first: Double, longest: Double, jitter: Jitter) {
    self.first = first
    self.longest = longest
    self.jitter = jitter
    next = first
  }

  /// The delay to wait now, in seconds: between half and all of the present step.
  public mutating func delay() -> Double {
    let step = next
    next = min(next * 2, longest)
    return step * Double.random(in: 0.5...1, using: &jitter)
  }

  /// Starts over after a success.
  public mutating func reset() {
    next = first
  }
}

/// Random numbers from a seed, which fixes all of them. (SplitMix64: Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators".) Not for secrets.
public struct Jitter: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// Another one, whose numbers have nothing to do with what this one gives from now on.
  public mutating func split() -> Jitter { Jitter(seed: next()) }
}
