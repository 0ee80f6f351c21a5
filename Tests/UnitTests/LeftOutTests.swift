import Testing

@testable import Runtime
@testable import Wire

/// A subscriber that is left out has no share as long as there are others.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct LeftOutTests {
  @Test func theOthersHaveItsShare() {
    var shares = Shares(all: ["a", "b", "c"])
    let uids = (0..<100).map { "uid-\($0)" }
    let before = uids.map { shares.owner(of: $0) }
    shares.leftOut = ["b", "z"]
    #expect(shares.owners == ["a", "c"])
    for (uid, owner) in zip(uids, before) where owner != "b" {
      #expect(shares.owner(of: uid) == owner, "only its share moves")
    }
    shares.all = ["b"]
    #expect(shares.owners == ["b"], "when it is the only one it works")
    shares.all = []
    #expect(shares.owner(of: "uid-1") == nil)
  }

  @Test @EventLoop func whatChangesHandsIsToldAgain() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.sock"
    let shelf = try Shelf(path, objects: 50)
    let first = try Peer.greeting(path, .binder, "a")
    let second = try Peer.greeting(path, .binder, "b")
    try await first.hears("synced")
    try await second.hears("synced")
    #expect(await soon { shelf.publisher.sharers == ["a", "b"] })
    let ofFirst = shelf.values.keys.filter { shelf.publisher.owner(of: $0) == "a" }
    #expect(!ofFirst.isEmpty)
    shelf.publisher.leaveOut(["a"])
    #expect(shelf.publisher.sharers == ["a", "b"])
    #expect(shelf.values.keys.allSatisfy { shelf.publisher.owner(of: $0) == "b" })
    // Both hear it: one to begin, the other to stop.
    for peer in [first, second] {
      #expect(
        await soon {
          Set(ofFirst).isSubset(of: peer.objects.suffix(ofFirst.count).compactMap(\.name))
            && peer.objects.suffix(ofFirst.count).allSatisfy { $0.owner == "b" }
        })
    }
    shelf.publisher.leaveOut([])
    #expect(Set(shelf.values.keys.filter { shelf.publisher.owner(of: $0) == "a" }) == Set(ofFirst))
    withExtendedLifetime((folder, shelf)) {}
  }
}
