import Kubernetes
import Runtime
import Testing

@testable import pbs_broker

/// Who makes pods that kubelets reject waits longer and longer.
@Suite struct RejectionBackoffTests {
  private static func wait(_ backoff: RejectionBackoff, _ key: RejectionBackoff.Key, _ now: Double)
    -> Double?
  {
    backoff.wait(key, now: now).map { $0.until - now }
  }

  @Test func theWaitGrowsToMinutes() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    var now = 0.0
    var waits: [Double] = []
    for _ in 0..<8 {
      backoff.rejected(.node("owner"), reason: "OutOfcpu", now: now)
      let wait = try #require(Self.wait(backoff, .node("owner"), now))
      waits.append(wait)
      now += wait
      #expect(backoff.wait(.node("owner"), now: now) == nil)
    }
    for (wait, step) in zip(waits, [10.0, 20, 40, 80, 160, 300, 300, 300]) {
      #expect((step / 2...step).contains(wait))
    }
  }

  @Test func podsThatWereUnderWayTogetherAreOneRejection() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    for _ in 0..<50 { backoff.rejected(.node("node1"), reason: "OutOfcpu", now: 0) }
    #expect(try #require(Self.wait(backoff, .node("node1"), 0)) <= 10)
  }

  @Test func theReasonIsTheLastOneAndOthersDoNotWait() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    backoff.rejected(.node("node1"), reason: "OutOfcpu", now: 0)
    backoff.rejected(.node("node1"), reason: "OutOfmemory", now: 1)
    #expect(backoff.wait(.node("node1"), now: 2)?.reason == "OutOfmemory")
    #expect(backoff.wait(.node("node2"), now: 2) == nil)
  }

  @Test func aPodThatRunsEndsTheWait() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    backoff.rejected(.node("owner"), reason: "OutOfcpu", now: 0)
    backoff.accepted(.node("another"))
    #expect(backoff.wait(.node("owner"), now: 1) != nil)
    backoff.accepted(.node("owner"))
    #expect(backoff.wait(.node("owner"), now: 1) == nil)
  }

  /// An ownerReference's UID may be any text, and another namespace's.
  @Test func anOwnersTextIsNeitherANodeNorAnothersOwner() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    backoff.rejected(.owner(namespace: "a", uid: "node1"), reason: "OutOfcpu", now: 0)
    #expect(backoff.wait(.node("node1"), now: 1) == nil)
    #expect(backoff.wait(.owner(namespace: "b", uid: "node1"), now: 1) == nil)
    backoff.accepted(.node("node1"))
    #expect(backoff.wait(.owner(namespace: "a", uid: "node1"), now: 1) != nil)
  }

  @Test(arguments: [
    ("OutOfcpu", true), ("OutOfnvidia.com/gpu", true), ("Evicted", true), ("NodeShutdown", true),
    ("NodeAffinity", false), ("SysctlForbidden", false), ("TaintToleration", false),
    ("VolumeAttachmentLimitExceeded", false),
  ])
  func kubeletsWordTellsWhoseFaultItIs(_ reason: String, _ isOfNode: Bool) {
    var pod = Pod(metadata: ObjectMeta(name: "a"), spec: PodSpec(containers: []))
    pod.status = PodStatus(phase: "Failed")
    pod.status?.reason = reason
    #expect(pod.rejection?.reason == reason && pod.rejection?.isOfNode == isOfNode)
    pod.status?.phase = "Running"
    #expect(pod.rejection == nil)
  }

  @Test(arguments: ["DeadlineExceeded", "Error", "Preempting", ""])
  func thatAPodEndedIsNoRejection(_ reason: String) {
    var pod = Pod(metadata: ObjectMeta(name: "a"), spec: PodSpec(containers: []))
    pod.status = PodStatus(phase: "Failed")
    pod.status?.reason = reason
    #expect(pod.rejection == nil)
  }

  @Test func afterACalmItStartsOver() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    for step in 0..<5 {
      backoff.rejected(.node("owner"), reason: "OutOfcpu", now: Double(step) * 300)
    }
    let now = 4 * 300 + RejectionBackoff.calm + 1
    backoff.rejected(.node("owner"), reason: "OutOfcpu", now: now)
    #expect(try #require(Self.wait(backoff, .node("owner"), now)) <= 10)
  }

  @Test func ofTooManyTheOldestAreForgotten() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    for number in 0...10_000 {
      backoff.rejected(.node("owner-\(number)"), reason: "OutOfcpu", now: Double(number) / 10_000)
    }
    #expect(backoff.wait(.node("owner-0"), now: 1) == nil)
    #expect(
      backoff.wait(.node("owner-1"), now: 1) != nil
        && backoff.wait(.node("owner-10000"), now: 1) != nil)
  }
}
