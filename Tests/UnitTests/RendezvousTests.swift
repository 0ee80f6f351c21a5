import Testing

@testable import Wire

@Suite struct RendezvousTests {
  private static let uids: [String] = {
    var random = SeededGenerator(seed: 1)
    return (0..<5_000).map { _ in
      // The form of a pod's UID; version 4 of RFC 9562 has some fixed bits.
      let words = (0..<2).map { _ in
        let digits = String(random.next() as UInt64, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }.joined()
      let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { Array(words)[$0] }
      return parts.map { String($0) }.joined(separator: "-")
    }
  }()

  private static func instances(_ count: Int, _ stem: String) -> [String] {
    (1...count).map { "\(stem)\($0)" }
  }

  @Test func nobodyOwnsWhatNobodyCanHave() {
    #expect(Rendezvous.owner(of: "uid-1", among: [String]()) == nil)
  }

  @Test func oneOwnsAll() {
    #expect(Self.uids.allSatisfy { Rendezvous.owner(of: $0, among: ["a"]) == "a" })
  }

  /// How many instances, and what their names begin with.
  @Test(arguments: [2, 3, 5, 8], ["broker-", "host.site.org-1000", ""])
  func theSharesAreEven(_ count: Int, _ stem: String) {
    // UIDs as Kubernetes makes them, and such as differ in few octets.
    for uids in [Self.uids, Self.uids.indices.map { "uid-\($0)" }] {
      let instances = Self.instances(count, stem)
      let shares = Dictionary(grouping: uids) { Rendezvous.owner(of: $0, among: instances) }
      #expect(shares.count == count)
      let even = Double(uids.count) / Double(count)
      for (instance, share) in shares {
        // Five standard deviations of a binomial share.
        let deviation = (even * (1 - 1 / Double(count))).squareRoot()
        #expect(
          abs(Double(share.count) - even) < 5 * deviation,
          "\(instance ?? "nobody") has \(share.count)")
      }
    }
  }

  @Test(arguments: [2, 3, 5, 8])
  func whenOneLeavesOnlyItsShareMoves(_ count: Int) {
    let before = Self.instances(count, "broker-")
    let after = before.filter { $0 != "broker-1" }
    for uid in Self.uids.prefix(2000) {
      let owner = Rendezvous.owner(of: uid, among: before)
      let next = Rendezvous.owner(of: uid, among: after)
      #expect(owner == "broker-1" ? next != nil && next != "broker-1" : next == owner)
    }
  }

  @Test func theShareOfOneThatLeftIsSpreadOverAll() {
    let before = Self.instances(4, "broker-")
    let after = Array(before.dropFirst())
    let moved = Self.uids.filter { Rendezvous.owner(of: $0, among: before) == before[0] }
    let shares = Dictionary(grouping: moved) { Rendezvous.owner(of: $0, among: after) }.mapValues(
      \.count)
    #expect(after.allSatisfy { shares[$0, default: 0] > moved.count / 4 })
  }

  @Test func theOrderOfTheInstancesDoesNotMatter() {
    let instances = Self.instances(5, "broker-")
    for uid in Self.uids.prefix(1000) {
      let owner = Rendezvous.owner(of: uid, among: instances)
      #expect(Rendezvous.owner(of: uid, among: instances.reversed()) == owner)
      #expect(Rendezvous.owner(of: uid, among: Set(instances)) == owner)
    }
  }
}
