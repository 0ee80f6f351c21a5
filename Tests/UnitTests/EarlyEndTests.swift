import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import pbs_broker

/// What follows from a job's end soon after its pod was bound, and what is told of an end that a hook
/// has brought about.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct EarlyEndTests {
  private static let owner = RejectionBackoff.Key.owner(namespace: "default", uid: "owner")

  private static func pod(
    _ number: Int, node: String? = "node1", phase: String = "Running", deleted: Bool = false,
    saying words: String? = nil
  ) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis-\(number)", namespace: "default", uid: "uid-\(number)"),
      spec: PodSpec(containers: [Container(name: "a")]), status: PodStatus(phase: phase))
    pod.spec.nodeName = node
    pod.metadata.annotations = ["pbs-connector/job-id": "\(number).s"]
    pod.metadata.ownerReferences = [OwnerReference(uid: "owner", controller: true)]
    if deleted { pod.metadata.deletionTimestamp = "2026-11-24T00:00:00Z" }
    if let words {
      pod.status?.conditions = [
        PodCondition(
          type: "DisruptionTarget", status: "True", reason: "PBSJobEnded", message: words)
      ]
    }
    return pod
  }

  @EventLoop private static func world(_ lines: LogLines = LogLines()) -> World {
    World(user: "pbs-broker", hosts: [:], jitter: Jitter(seed: 1), log: lines.logger)
  }

  @EventLoop private static func run(
    _ world: World, _ number: Int, from now: Double, for seconds: Double, byUs: Bool = false
  ) {
    _ = world.update(pod(number, node: nil, phase: "Pending"), owner: "b", now: now)
    world.add(
      .with("\(number).s", .running, substate: 42, pod: "uid-\(number)"), began: now, now: now)
    _ = world.update(pod(number), owner: "b", now: now)
    world.end(
      "\(number).s", words: "killed", uid: "uid-\(number)", byUs: byUs, now: now + seconds)
  }

  @Test @EventLoop func theOwnersNextPodsWaitLongerAndLonger() throws {
    let lines = LogLines()
    let world = Self.world(lines)
    var now = 0.0
    var waits: [Double] = []
    for number in 1...6 {
      Self.run(world, number, from: now, for: 1)
      let wait = try #require(world.rejections.wait(Self.owner, now: now + 1))
      #expect(
        wait.reason
          == "jobs of its owner's pods end soon after they are bound (that of pod default/redis-\(number))"
      )
      waits.append(wait.until - now - 1)
      now = wait.until
    }
    for (wait, step) in zip(waits, [10.0, 20, 40, 80, 160, 300]) {
      #expect((step / 2...step).contains(wait))
    }
    #expect(lines.all.count { $0.contains("its owner's next pods wait") } == 6)
  }

  @Test @EventLoop func whatEndsLaterOrByUsIsNoMatterOfTheOwner() {
    for (seconds, byUs) in [(61.0, false), (1, true)] {
      let world = Self.world()
      Self.run(world, 1, from: 0, for: seconds, byUs: byUs)
      #expect(world.rejections.wait(Self.owner, now: seconds) == nil)
    }
  }

  /// A hook deletes the pod before PBS tells of the job's end, and says so in its condition.
  @Test @EventLoop func whatAHookSaysCountsToo() {
    let world = Self.world()
    _ = world.update(Self.pod(1), owner: "b", now: 0)
    _ = world.update(Self.pod(1, saying: "job 1.s has ended"), owner: "b", now: 1)
    // The pod's own end is none of its success.
    _ = world.update(
      Self.pod(1, phase: "Failed", deleted: true, saying: "job 1.s has ended"), owner: "b", now: 2)
    #expect(world.rejections.wait(Self.owner, now: 2) != nil)
    // One that finishes by itself is.
    _ = world.update(Self.pod(2), owner: "b", now: 3)
    _ = world.update(Self.pod(2, phase: "Succeeded"), owner: "b", now: 4)
    #expect(world.rejections.wait(Self.owner, now: 4) == nil)
  }

  @Test @EventLoop func aJobThatNeverFitsIsSubmittedMoreAndMoreSeldom() throws {
    let world = Self.world()
    var now = 0.0
    for number in 1...5 {
      _ = world.update(Self.pod(1, node: nil, phase: "Pending"), owner: "b", now: now)
      world.add(.with("\(number).s", .queued, pod: "uid-1"), began: now, now: now)
      world.end("\(number).s", words: "deleted", uid: "uid-1", byUs: true, now: now)
      let wait = world.record("uid-1").notBefore - now
      let step = Double(1 << (number - 1))
      #expect((step / 2...step).contains(wait))
      now += wait
    }
  }

  // MARK: What is told

  private static func told(
    _ words: String?, evictions: [String] = [],
    ended: [EndedJob] = [.init(id: "1.s", words: "killed")]
  ) -> BrokerMessage? {
    Reconciliation.decide(
      Situation(
        presence: .present(pod(1, deleted: true, saying: words)), ended: ended,
        evictions: evictions, now: Date())
    ).message
  }

  @Test func anEndThatAHookHasBroughtAboutIsToldInPBSWords() {
    let expected = BrokerMessage.report(
      .init(
        pod: .init(uid: "uid-1", namespace: "default", name: "redis-1"), job: "1.s",
        reason: "JobEnded", message: "job 1.s has ended: killed", warning: true,
        unscheduled: false))
    #expect(Self.told("job 1.s has ended: exit status 271") == expected)
    // PBS has not said so yet; or a binder has told of it; or the pod's owner has deleted it.
    #expect(Self.told("job 1.s has ended: exit status 271", ended: []) == nil)
    #expect(Self.told("job 1.s is ending: killed", evictions: ["job 1.s is ending: killed"]) == nil)
    #expect(Self.told("job 1.s has ended: killed") == nil)
    #expect(Self.told(nil) == nil)
  }
}
