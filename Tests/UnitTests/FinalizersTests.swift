import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Pods that finalizers keep after their kubelet has deleted them.
@Suite struct FinalizersTests {
  private static func pod(deleted: Int?, node: String? = "node1") throws -> Pod {
    let deletion = deleted.map {
      #", "deletionTimestamp": "2026-11-24T00:00:00Z", "deletionGracePeriodSeconds": \#($0)"#
    }
    var pod = try Pod.with(
      metadata: #", "finalizers": ["example.org/archive"]"# + (deletion ?? ""))
    pod.spec.nodeName = node
    return pod
  }

  private static func decision(_ pod: Pod) -> Decision {
    Reconciliation.decide(
      Situation(
        presence: .present(pod), jobs: [.with("5.s", .running, substate: 42)], boundJob: "5.s",
        now: Date(timeIntervalSince1970: 0)))
  }

  @Test func theJobEndsWithTheContainers() throws {
    #expect(Self.decision(try Self.pod(deleted: nil)).deletions == [])
    #expect(Self.decision(try Self.pod(deleted: 30)).deletions == [])
    let over = Self.decision(try Self.pod(deleted: 0))
    #expect(over.deletions == [.init(job: "5.s", reason: "its pod is gone but for finalizers")])
    #expect(over.message == nil)
  }

  @Test func suchAPodHoldsNothingOfItsNode() throws {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: true)
    node.status?.allocatable = Amounts(milliCPU: 1000, memory: 1 << 30, pods: 1)
    var ledger = NodeLedger()
    ledger.update(node)
    ledger.update(try Self.pod(deleted: 30))
    #expect(ledger.shortage(for: Amounts(pods: 1), on: "node1") != nil)
    ledger.update(try Self.pod(deleted: 0))
    #expect(ledger.shortage(for: Amounts(pods: 1), on: "node1") == nil)
  }

  /// The same of another scheduler's.
  @Test(arguments: [(30, 1000), (0, 0)])
  func norDoesAnothers(_ grace: Int, _ milliCPU: Int) throws {
    let json = """
      {"metadata": {"uid": "u", "deletionTimestamp": "2026-11-24T00:00:00Z",
                    "deletionGracePeriodSeconds": \(grace)},
       "spec": {"nodeName": "node1",
                "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}]}}
      """
    let held = try JSONDecoder().decode(HeldPod.self, from: Data(json.utf8))
    #expect(held.amounts.milliCPU == milliCPU)
  }
}
