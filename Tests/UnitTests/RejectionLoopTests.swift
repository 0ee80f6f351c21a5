import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// What kubelets' rejections cost over hours, on a clock that the test moves.
@Suite struct RejectionLoopTests {
  private static let owner = RejectionBackoff.Key.owner(namespace: "default", uid: "owner")

  private static func pod(_ phase: String, reason: String? = nil, cpu: String = "2") -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "a", namespace: "default", uid: "uid"),
      spec: PodSpec(containers: [Container(name: "a", requests: ["cpu": cpu])]),
      status: PodStatus(phase: phase))
    pod.spec.nodeName = "node1"
    pod.status?.reason = reason
    pod.metadata.ownerReferences = [OwnerReference(uid: "owner", controller: true)]
    return pod
  }

  private static func reject(
    _ backoff: inout RejectionBackoff, _ reason: String = "OutOfcpu", cpu: String = "2",
    at now: Double
  ) -> String? {
    backoff.note(
      pod("Failed", reason: reason, cpu: cpu), before: pod("Pending", cpu: cpu), now: now)
  }

  /// Each of its pods is rejected as soon as it is bound, and its controller makes the next at once.
  @Test(arguments: [1, 4])
  func anOwnerMakesAHandfulOfPodsAnHour(_ replicas: Int) {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    var now = 0.0
    var hours: [Int] = Array(repeating: 0, count: 6)
    while now < 6 * 3600 {
      for _ in 0..<replicas { _ = Self.reject(&backoff, at: now) }
      hours[Int(now / 3600)] += 1
      // PBS's and Kubernetes' own time from the submission to the rejection.
      now = (backoff.wait(Self.owner, now: now)?.until ?? now) + 2
    }
    #expect((8...15).contains(hours[0]), "\(hours)")
    #expect(hours.dropFirst().allSatisfy { (3...9).contains($0) }, "\(hours)")
  }

  /// Two of four fit: each pod that runs, of many short ones, ends the wait, and does not make the next
  /// one small again.
  @Test func thatSomeRunDoesNotStartTheWaitsOver() throws {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    var waits: [Double] = []
    var now = 0.0
    for _ in 0..<6 {
      _ = Self.reject(&backoff, at: now)
      waits.append(try #require(backoff.wait(Self.owner, now: now)).until - now)
      now += 5
      _ = backoff.note(Self.pod("Running"), before: Self.pod("Pending"), now: now)
      #expect(backoff.wait(Self.owner, now: now) == nil)
    }
    for (wait, step) in zip(waits, [10.0, 20, 40, 80, 160, 320]) {
      #expect((step / 2...step).contains(wait))
    }
  }

  @Test func smallerPodsNeedNotWait() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    let line = Self.reject(&backoff, cpu: "4", at: 0)
    #expect(
      line
        == "pod default/a was rejected by the kubelet of node1 (OutOfcpu): its owner's next pods and that node's next pods as large wait"
    )
    let ask = { (cpu: Int) in
      backoff.wait(.node("node1"), now: 1, asked: Amounts(milliCPU: cpu, memory: 9 << 30, pods: 1))
    }
    #expect(ask(3999) == nil)
    #expect(ask(4000)?.reason == "the kubelet of node1 rejects pods as large (OutOfcpu)")
    #expect(ask(5000) != nil)
    // A smaller one is rejected as well.
    _ = Self.reject(&backoff, cpu: "1", at: 1)
    #expect(
      backoff.wait(.node("node1"), now: 2, asked: Amounts(milliCPU: 1000, pods: 1)) != nil)
  }

  @Test(arguments: ["OutOfpods", "NodeShutdown", "Evicted"])
  func someRejectionsConcernAll(_ reason: String) {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    _ = Self.reject(&backoff, reason, at: 0)
    #expect(backoff.wait(.node("node1"), now: 1, asked: Amounts(pods: 1)) != nil)
  }

  @Test func aSmallerPodThatRunsProvesNothing() {
    var backoff = RejectionBackoff(jitter: Jitter(seed: 1))
    _ = Self.reject(&backoff, cpu: "4", at: 0)
    let large = Amounts(milliCPU: 4000, pods: 1)
    backoff.accepted(.node("node1"), asked: Amounts(milliCPU: 1000, pods: 1))
    #expect(backoff.wait(.node("node1"), now: 1, asked: large) != nil)
    backoff.accepted(.node("node1"), asked: large)
    #expect(backoff.wait(.node("node1"), now: 1, asked: large) == nil)
  }

  @Test(arguments: [
    (
      "OutOfcpu",
      "the kubelet of node1 rejected the pod (OutOfcpu), so that it never ran: PBS has more ncpus on that host than its node has for pods; resources_available is to be lowered there (pbsnodes node1, kubectl describe node node1)"
    ),
    (
      "OutOfpods",
      "the kubelet of node1 rejected the pod (OutOfpods), so that it never ran: more jobs run on that host than kubelet takes pods; its maxPods, or what PBS has of the host (pbsnodes node1), is to be changed"
    ),
    (
      "NodeAffinity",
      "the kubelet of node1 rejected the pod (NodeAffinity), so that it never ran"
    ),
  ])
  func theEventSaysWhatToChange(_ reason: String, _ words: String) {
    #expect(Self.pod("Failed", reason: reason).rejectionWords == words)
    #expect(Self.pod("Running").rejectionWords == nil)
  }
}
