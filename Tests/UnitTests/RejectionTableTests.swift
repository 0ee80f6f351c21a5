import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// What is remembered of rejections, and for whom.
@Suite struct RejectionTableTests {
  private typealias Key = RejectionBackoff.Key

  private static func owner(_ number: Int, in namespace: String) -> Key {
    .owner(namespace: namespace, uid: "owner-\(number)")
  }

  /// Somebody with a namespace may make as many owners as he likes.
  @Test func aNamespaceTakesNoRoomFromOthers() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    let quiet = Self.owner(0, in: "quiet")
    backoff.rejected(quiet, reason: "OutOfcpu", now: 0)
    backoff.rejected(.node("node1"), reason: "OutOfcpu", now: 0)
    for number in 0..<20_000 {
      backoff.rejected(Self.owner(number, in: "loud"), reason: "OutOfcpu", now: 1)
    }
    #expect(backoff.wait(quiet, now: 2) != nil && backoff.wait(.node("node1"), now: 2) != nil)
    #expect(backoff.count == RejectionTable.mostOfNamespace + 2)
  }

  @Test func theOldestOfANamespaceGoFirst() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    for number in 0...RejectionTable.mostOfNamespace {
      backoff.rejected(Self.owner(number, in: "a"), reason: "", now: Double(number) / 1000)
    }
    #expect(backoff.wait(Self.owner(0, in: "a"), now: 1) == nil)
    #expect(backoff.wait(Self.owner(1, in: "a"), now: 1) != nil)
    #expect(backoff.wait(Self.owner(RejectionTable.mostOfNamespace, in: "a"), now: 1) != nil)
  }

  /// Namespaces come and go.
  @Test func whatHasBeenCalmForLongIsForgotten() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    for number in 0..<500 {
      backoff.rejected(Self.owner(1, in: "test-\(number)"), reason: "", now: 0)
    }
    backoff.forgetCalm(RejectionBackoff.calm)
    #expect(backoff.count == 500)
    backoff.rejected(Self.owner(1, in: "test-1"), reason: "", now: RejectionBackoff.calm)
    backoff.forgetCalm(RejectionBackoff.calm + 1)
    #expect(backoff.count == 1)
  }

  // MARK: Places

  private static func pod(_ name: String, _ tolerations: [Toleration]? = nil) -> Pod {
    var spec = PodSpec(containers: [Container(name: "a", requests: ["cpu": "1"])])
    spec.tolerations = tolerations
    return Pod(
      metadata: ObjectMeta(name: name, namespace: "default", uid: "uid-of-\(name)"), spec: spec)
  }

  private static func place(_ pod: Pod) throws -> Key {
    .placement(of: pod, try PodTranslation.job(for: pod, in: TranslationContext()))
  }

  /// Also without an owner: a script may have made a thousand of them.
  @Test func podsThatAskForTheSameWaitForAPlaceTogether() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    #expect(!backoff.hasPlacements)
    backoff.rejected(
      try Self.place(Self.pod("one")), reason: "PBS chose node1", now: 0, on: "node1")
    #expect(backoff.hasPlacements)
    #expect(backoff.wait(try Self.place(Self.pod("other")), now: 1)?.reason == "PBS chose node1")
    let tolerant = Self.pod("tolerant", [Toleration(key: "example.org/color", operator: "Exists")])
    #expect(backoff.wait(try Self.place(tolerant), now: 1) == nil)
    // One that gets a place elsewhere ends the wait, and the next one is longer.
    backoff.accepted(try Self.place(Self.pod("third")))
    #expect(backoff.wait(try Self.place(Self.pod("other")), now: 1) == nil)
  }

  @Test func aTaintThatGoesEndsTheWait() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    let place = try Self.place(Self.pod("one"))
    let owner = Self.owner(1, in: "default")
    backoff.rejected(place, reason: "PBS chose node1", now: 0, on: "node1")
    backoff.rejected(owner, reason: "OutOfcpu", now: 0)
    backoff.taintsChanged(of: "node2")
    #expect(backoff.wait(place, now: 1) != nil)
    backoff.taintsChanged(of: "node1")
    #expect(backoff.wait(place, now: 1) == nil && !backoff.hasPlacements)
    #expect(backoff.wait(owner, now: 1) != nil)
  }

  @Test func anotherConfigurationEndsTheWaitsThatItMayConcern() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    let pod = Self.pod("one")
    let request = Key.request(of: pod, try PodTranslation.job(for: pod, in: TranslationContext()))
    for key in [try Self.place(pod), request, .node("node1")] {
      backoff.rejected(key, reason: "", now: 0, on: "node1")
    }
    backoff.configurationChanged()
    #expect(backoff.wait(try Self.place(pod), now: 1) == nil)
    #expect(backoff.wait(request, now: 1) == nil)
    #expect(backoff.wait(.node("node1"), now: 1) != nil)
  }
}
