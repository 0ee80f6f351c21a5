import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import pbs_broker

/// With which job a pod was bound, when its annotation names another, or when etcd was restored.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct BoundJobTests {
  private static func pod(on node: String?, naming job: String?) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis", namespace: "default", uid: "a"),
      spec: PodSpec(containers: [Container(name: "a")]))
    pod.spec.nodeName = node
    pod.metadata.annotations = job.map { [WellKnown.jobID: $0] }
    return pod
  }

  private static func running(_ id: String) -> Job {
    var job = Job.with(id, .running, substate: 42, pod: "a")
    job.execHost = "node1/0"
    return job
  }

  @EventLoop private static func world() -> World {
    let world = World(
      user: "pbs-broker", hosts: [:], jitter: Jitter(seed: 1), log: LogLines().logger)
    world.update(Node(metadata: ObjectMeta(name: "node1"), ready: true))
    _ = world.update(pod(on: nil, naming: nil), owner: "b", now: 0)
    world.watcherSynced(now: 0)
    return world
  }

  /// The first binding was not seen, and its job was lost; the pod was taken to wait, and has another.
  @Test @EventLoop func theJobThatItHasIsAskedAboutThoughItsAnnotationNamesAnEarlierOne() {
    let world = Self.world()
    world.end("1.s", words: "lost", uid: "a", byUs: false, now: 1)
    world.add(Self.running("2.s"), began: 2, now: 2)
    _ = world.update(Self.pod(on: "node1", naming: "1.s"), owner: "b", now: 3)
    #expect(world.pods["a"]?.boundJob == "2.s")
    // PBS counts anew, and has given the number to another pod's job.
    world.release("2.s", unlessOf: "another")
    #expect(world.expectedJobs(server: "s") == ["2.s": ["a"]])
  }

  @Test @EventLoop func ofAPodThatWaitsAgainTheFormerBindingIsForgotten() {
    let world = Self.world()
    world.add(Self.running("1.s"), began: 1, now: 1)
    _ = world.update(Self.pod(on: "node1", naming: "1.s"), owner: "b", now: 2)
    #expect(world.pods["a"]?.boundJob == "1.s")
    _ = world.update(Self.pod(on: nil, naming: nil), owner: "b", now: 3)
    #expect(world.pods["a"]?.boundJob == nil)
    world.end("1.s", words: "killed", uid: "a", byUs: false, now: 4)
    world.add(Self.running("2.s"), began: 5, now: 5)
    _ = world.update(Self.pod(on: "node1", naming: "2.s"), owner: "b", now: 6)
    #expect(world.pods["a"]?.boundJob == "2.s")
    #expect(world.pods["a"]?.boundSince == 6)
  }
}
