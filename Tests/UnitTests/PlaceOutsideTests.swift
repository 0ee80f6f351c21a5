import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import pbs_broker

/// Jobs where PBS has put them and no pod can be: hosts that are no nodes, nodes without the device.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct PlaceOutsideTests {
  @EventLoop private static func world() -> World {
    let world = World(user: "root", hosts: [:], jitter: Jitter(seed: 1), log: LogLines().logger)
    world.update(Node(metadata: ObjectMeta(name: "node1"), ready: true))
    return world
  }

  private static func job(on host: String) -> Job {
    var job = Job.with("5.s", .running, substate: 42)
    job.execHost = "\(host)/0"
    return job
  }

  @Test @EventLoop func aHostThatIsNoNodeHasItsTime() {
    let world = Self.world()
    let job = Self.job(on: "batch1")
    func isOutside(_ job: Job, at now: Double) -> Bool {
      world.isOutsideCluster(job, patience: 60, now: now)
    }
    // Nothing is known yet of nodes, or of hosts.
    #expect(!isOutside(job, at: 0))
    world.watcherSynced(now: 0)
    #expect(!isOutside(job, at: 100))
    world.hostMap.hosts = PBSHosts(vnodes: ["batch1", "node1"].map { .init(name: $0, host: $0) })
    #expect(!isOutside(job, at: 200))
    #expect(!isOutside(job, at: 259))
    #expect(isOutside(job, at: 260))
    #expect(!isOutside(Self.job(on: "node1"), at: 260))
    // It has been none for long: the next job there need not wait again.
    #expect(isOutside(job, at: 261))
    world.update(Node(metadata: ObjectMeta(name: "batch1"), ready: true))
    #expect(!isOutside(job, at: 300))
  }

  @Test func suchAJobIsReleased() throws {
    let map = HostMap(
      nodes: [Node(metadata: ObjectMeta(name: "node1"), ready: true)],
      hosts: PBSHosts(vnodes: [.init(name: "Batch1", host: "Batch1")]))
    var situation = Situation(
      presence: .present(try Pod.with()), jobs: [Self.job(on: "Batch1")], hostMap: map,
      now: Date(timeIntervalSince1970: 0))
    #expect(Reconciliation.decide(situation).deletions == [])
    situation.isOutsideCluster = true
    let decision = Reconciliation.decide(situation)
    let words = "PBS chose Batch1, which is not a node of this cluster"
    #expect(decision.misplacement == .init(job: "5.s", node: "batch1", words: words))
    #expect(decision.deletions == [.init(job: "5.s", reason: words)])
  }

  @Test func aNodeWithoutTheDeviceOfOthersHasNone() {
    func node(_ name: String, _ others: [String: Int]) -> Node {
      var node = Node(metadata: ObjectMeta(name: name), ready: true)
      node.status?.allocatable = Amounts(milliCPU: 4000, pods: 110, others: others)
      return node
    }
    let asked = Amounts(pods: 1, others: ["nvidia.com/gpu": 1])
    var ledger = NodeLedger()
    ledger.update(node("node1", [:]))
    // No node has any: it may be the cluster's own.
    #expect(ledger.shortage(for: asked, on: "node1") == nil)
    ledger.update(node("node2", ["nvidia.com/gpu": 2]))
    #expect(
      ledger.shortage(for: asked, on: "node1")?.words
        == "0 nvidia.com/gpu left of 0, and the pod asks for 1")
    #expect(ledger.shortage(for: asked, on: "node2") == nil)
    // Its device plugin has registered.
    ledger.update(node("node1", ["nvidia.com/gpu": 1]))
    #expect(ledger.shortage(for: asked, on: "node1") == nil)
    ledger.update(node("node1", [:]))
    ledger.update(node("node2", [:]))
    #expect(ledger.shortage(for: asked, on: "node1") == nil)
    ledger.update(node("node2", ["nvidia.com/gpu": 2]))
    ledger.removeNode("node2")
    #expect(ledger.shortage(for: asked, on: "node1") == nil)
  }
}
