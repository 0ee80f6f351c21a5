import FoundationEssentials

/// Random numbers that come again with the same seed (splitmix64, by Sebastiano Vigna).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}

/// The seed of a property test: printed, and given again with PBS_CONNECTOR_SEED.
enum Seed {
  static func forTest(_ name: String) -> UInt64 {
    let given = ProcessInfo.processInfo.environment["PBS_CONNECTOR_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(name): PBS_CONNECTOR_SEED=\(seed)")
    return seed
  }
}
