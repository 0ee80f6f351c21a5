import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// When a pod's grace period has ended is the API server's time; a clock of ours that jumps, or is not
/// the server's, does not release a job too early.
@Suite(.runningLoop, .timeLimit(.minutes(1))) struct PastGraceTests {
  private static func pod(deleted: String? = nil, grace: Int? = nil) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis", namespace: "default", uid: "uid-1"),
      spec: PodSpec(containers: [Container(name: "a")]), status: PodStatus(phase: "Running"))
    pod.spec.nodeName = "node1"
    pod.metadata.deletionTimestamp = deleted
    pod.metadata.deletionGracePeriodSeconds = grace
    return pod
  }

  /// - Parameter seconds: for which the pod has been past its grace period by our own clock.
  private static func releases(pastGrace seconds: Double) -> Bool {
    var job = Job.with("5.s", .running, substate: 42)
    job.execHost = "node1/0"
    let decision = Reconciliation.decide(
      Situation(
        presence: .present(pod(deleted: "2026-11-24T00:00:00Z", grace: 30)), jobs: [job],
        hostMap: HostMap(nodes: [Node("node1")]), isHostAway: true, patience: 300,
        pastGrace: seconds, now: Date(timeIntervalSince1970: 1_900_000_000)))
    return !decision.deletions.isEmpty
  }

  @Test func aClockThatJumpsReleasesNothing() {
    #expect(!Self.releases(pastGrace: 10))
    #expect(!Self.releases(pastGrace: 300))
    #expect(Self.releases(pastGrace: 301))
  }

  @Test @EventLoop func whoSawTheDeletionKnowsWhenItsGraceEnds() {
    let record = PodRecord(uid: "uid-1", jitter: Jitter(seed: 1))
    record.noteGrace(of: Self.pod(), before: nil, now: 100)
    #expect(record.pastGrace(now: 100) == -.infinity)
    let deleted = Self.pod(deleted: "2026-11-24T00:00:00Z", grace: 30)
    record.noteGrace(of: deleted, before: Self.pod(), now: 200)
    #expect(record.pastGrace(now: 231) == 1)
    // It is told again, and then deleted with less time.
    record.noteGrace(of: deleted, before: deleted, now: 210)
    #expect(record.pastGrace(now: 231) == 1)
    record.noteGrace(
      of: Self.pod(deleted: "2026-11-24T00:00:00Z", grace: 5), before: deleted, now: 210)
    #expect(record.pastGrace(now: 216) == 1)
  }

  @Test @EventLoop func whoDidNotSeeItCountsFromWhenItHearsOfIt() {
    let record = PodRecord(uid: "uid-1", jitter: Jitter(seed: 1))
    record.noteGrace(
      of: Self.pod(deleted: "2026-11-24T00:00:00Z", grace: 3600), before: nil, now: 200)
    #expect(record.pastGrace(now: 201) == 1)
  }
}
