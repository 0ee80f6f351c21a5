import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import pbs_broker

/// What nodes have left by Kubernetes' own account, and jobs that run where a pod does not fit.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct NodeRoomTests {
  private static func node(_ cpu: Int, name: String = "node1") -> Node {
    var node = Node(metadata: ObjectMeta(name: name), ready: true)
    node.status?.allocatable = Amounts(milliCPU: cpu, memory: 8 << 30, pods: 110)
    return node
  }

  private static func use(_ holder: HeldPod.Holder, _ cpu: Int) -> NodeUse {
    var use = NodeUse(node: "node1")
    use[holder] = Amounts(milliCPU: cpu, pods: 1)
    return use
  }

  private static func pod(
    _ number: Int, cpu: String, node: String? = nil, phase: String = "Pending",
    isDeleted: Bool = false
  ) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis-\(number)", namespace: "default", uid: "uid-\(number)"),
      spec: PodSpec(containers: [Container(name: "a", requests: ["cpu": cpu])]),
      status: PodStatus(phase: phase))
    pod.spec.nodeName = node
    pod.metadata.ownerReferences = [OwnerReference(uid: "owner", controller: true)]
    if isDeleted { pod.metadata.deletionTimestamp = "2026-11-24T00:00:00Z" }
    return pod
  }

  // MARK: The ledger

  @Test func whatOthersHoldIsNamed() throws {
    var ledger = NodeLedger()
    #expect(ledger.shortage(for: Amounts(milliCPU: 2000, pods: 1), on: "node1") == nil)
    ledger.update(Self.node(4000))
    ledger.update(Self.use(.others, 3000))
    #expect(ledger.shortage(for: Amounts(milliCPU: 1000, pods: 1), on: "node1") == nil)
    let found = try #require(
      ledger.shortage(for: Amounts(milliCPU: 2000, pods: 1), on: "node1"))
    #expect(
      found.words
        == "1 cpu left of 4 (pods of other schedulers hold 3), and the pod asks for 2")
    #expect(!found.mayPass)
    ledger.forgetUses()
    #expect(ledger.shortage(for: Amounts(milliCPU: 2000, pods: 1), on: "node1") == nil)
  }

  @Test func aPodOfOursCountsAtOnceAndUntilItHasGone() {
    var ledger = NodeLedger()
    ledger.update(Self.node(2000))
    let asked = Amounts(milliCPU: 1500, pods: 1)
    ledger.hold("uid-1", asked, on: "node1")
    #expect(ledger.shortage(for: asked, on: "node1")?.mayPass == false)
    // Told as it is: the same pod once, not twice.
    ledger.update(Self.pod(1, cpu: "1500m", node: "node1"))
    #expect(ledger.shortage(for: Amounts(milliCPU: 500, pods: 1), on: "node1") == nil)
    ledger.update(Self.pod(1, cpu: "1500m", node: "node1", isDeleted: true))
    #expect(ledger.shortage(for: asked, on: "node1")?.mayPass == true)
    ledger.update(Self.pod(1, cpu: "1500m", node: "node1", phase: "Failed"))
    #expect(ledger.shortage(for: asked, on: "node1") == nil)
    ledger.release("uid-1")
    #expect(ledger.shortage(for: Amounts(milliCPU: 2000, pods: 1), on: "node1") == nil)
  }

  @Test(arguments: [
    (Amounts(milliCPU: 2001), "2 cpu left of 2, and the pod asks for 2.001"),
    (
      Amounts(memory: (8 << 30) + 1024),
      "8Gi of memory left of 8Gi, and the pod asks for 8388609Ki"
    ),
    (
      Amounts(pods: 1, others: ["example.com/gpu": 2]),
      "1 example.com/gpu left of 1, and the pod asks for 2"
    ),
    // Not a resource of the node: kubelet passes over it.
    (Amounts(pods: 1, others: ["example.com/license": 2]), nil as String?),
    // Nothing asked for, nothing compared.
    (Amounts(pods: 1), nil),
  ])
  func theRuleIsKubelets(_ asked: Amounts, _ words: String?) {
    let all = Amounts(milliCPU: 2000, memory: 8 << 30, pods: 110, others: ["example.com/gpu": 1])
    #expect(Shortage(asked: asked, allocatable: all, holders: [])?.words == words)
  }

  @Test func aNodeThatIsOverfullStillTakesWhatAsksForNothing() {
    let holders = [Shortage.Holder(who: "pods", amounts: Amounts(milliCPU: 5000, pods: 3))]
    let all = Amounts(milliCPU: 2000, memory: 1 << 30, pods: 110)
    #expect(Shortage(asked: Amounts(pods: 1), allocatable: all, holders: holders) == nil)
    let asked = Amounts(milliCPU: 1, pods: 1)
    #expect(
      Shortage(asked: asked, allocatable: all, holders: holders)?.words
        == "0 cpu left of 2 (pods hold 5), and the pod asks for 0.001")
  }

  // MARK: A pod's job

  @EventLoop private static func world(nodeUse: Bool? = true) -> World {
    let world = World(user: "root", hosts: [:], jitter: Jitter(seed: 1), log: LogLines().logger)
    world.setCluster(Cluster(id: "c-1", schedulerNames: ["pbs"], nodeUse: nodeUse))
    world.update(node(4000))
    world.watcherSynced(now: 0)
    return world
  }

  private static func job(_ number: Int) -> Job {
    Job(
      id: "\(number).s", state: .running, substate: 42, execHost: "node1/0", runCount: 1,
      comment: nil, exitStatus: nil, holdTypes: nil, owner: "root@s",
      pod: PodReference(uid: "uid-\(number)", namespace: "default", name: "redis-\(number)"))
  }

  @EventLoop private static func decide(
    _ world: World, _ number: Int, at now: Double, patience: Double = 60
  ) -> Decision {
    guard let record = world.pods["uid-\(number)"], let pod = record.pod else { return Decision() }
    let situation = Situation(
      presence: .present(pod), jobs: [job(number)], hostMap: world.hostMap,
      shortage: world.shortage(of: record, job(number), patience: patience, now: now),
      now: Date(timeIntervalSince1970: now))
    let decision = Reconciliation.decide(situation)
    world.noteRoom(of: record, decision, now: now)
    return decision
  }

  private static func words(_ decision: Decision) -> String? {
    if case .report(let report) = decision.message { return report.message }
    return nil
  }

  private static func isBinding(_ decision: Decision) -> Bool {
    if case .bind = decision.message { return true }
    return false
  }

  @Test @EventLoop func aPodThatDoesNotFitIsNotBoundAndItsJobIsReleased() throws {
    let world = Self.world()
    world.update(Self.use(.others, 3000))
    _ = world.update(Self.pod(1, cpu: "2"), owner: "b", now: 0)
    let first = Self.decide(world, 1, at: 0)
    let words =
      "job 1.s runs on node1, where Kubernetes has 1 cpu left of 4 (pods of other schedulers hold 3), and the pod asks for 2"
    #expect(Self.words(first) == words && first.deletions.isEmpty)
    let owner = RejectionBackoff.Key.owner(namespace: "default", uid: "owner")
    #expect(world.rejections.wait(owner, now: 1) == nil)
    let last = Self.decide(world, 1, at: World.roomSettling)
    #expect(last.deletions.map(\.job) == ["1.s"])
    #expect(Self.words(last)?.hasPrefix(words) == true)
    // Its owner's next pods wait, once for each job.
    let wait = try #require(world.rejections.wait(owner, now: 11))
    _ = Self.decide(world, 1, at: wait.until + 1)
    #expect(world.rejections.wait(owner, now: wait.until + 1) == nil)
  }

  @Test @EventLoop func aPodOfNobodysWaitsAsLong() throws {
    let world = Self.world()
    world.update(Self.use(.others, 3000))
    var pod = Self.pod(1, cpu: "2")
    pod.metadata.ownerReferences = nil
    _ = world.update(pod, owner: "b", now: 0)
    _ = Self.decide(world, 1, at: 0)
    _ = Self.decide(world, 1, at: World.roomSettling)
    let wait = try #require(world.rejections.wait(.ownerOrSelf(of: pod), now: 11))
    #expect((15...20).contains(wait.until))
  }

  @Test @EventLoop func roomThatComesInTimeIsTaken() {
    let world = Self.world()
    world.update(Self.use(.leaving, 3000))
    _ = world.update(Self.pod(1, cpu: "2"), owner: "b", now: 0)
    #expect(Self.words(Self.decide(world, 1, at: 0))?.contains("pods that are ending") == true)
    #expect(Self.decide(world, 1, at: 59).deletions.isEmpty)
    _ = world.takeChanged()
    world.update(NodeUse(node: "node1"))
    #expect(world.takeChanged() == ["uid-1"])
    #expect(Self.isBinding(Self.decide(world, 1, at: 59.5)))
  }

  @Test @EventLoop func whatIsAboutToGoIsWaitedForNotForEver() {
    let world = Self.world()
    world.update(Self.use(.native, 3000))
    _ = world.update(Self.pod(1, cpu: "2"), owner: "b", now: 0)
    #expect(Self.decide(world, 1, at: 0).deletions.isEmpty)
    #expect(Self.decide(world, 1, at: 59).deletions.isEmpty)
    #expect(Self.decide(world, 1, at: 60).deletions.map(\.job) == ["1.s"])
  }

  /// kube-watcher tells of the binding only later.
  @Test @EventLoop func theSecondOfTwoPodsAtOnceSeesTheFirst() {
    let world = Self.world()
    for number in 1...2 {
      _ = world.update(Self.pod(number, cpu: "3"), owner: "b", now: 0)
    }
    #expect(Self.isBinding(Self.decide(world, 1, at: 0)))
    // Once decided it stays decided.
    #expect(Self.isBinding(Self.decide(world, 1, at: 0)))
    #expect(
      Self.words(Self.decide(world, 2, at: 0))?.contains("1 cpu left of 4 (pods with jobs hold 3)")
        == true)
    world.podGone("uid-1", wasDeleted: true, now: 1)
    #expect(Self.isBinding(Self.decide(world, 2, at: 1)))
  }

  /// One of an older release.
  @Test(arguments: [nil, false])
  @EventLoop func aWatcherThatDoesNotTellIsNoReasonToWait(_ told: Bool?) {
    let world = Self.world(nodeUse: told)
    _ = world.update(Self.pod(1, cpu: "5"), owner: "b", now: 0)
    #expect(Self.isBinding(Self.decide(world, 1, at: 0)))
  }
}
