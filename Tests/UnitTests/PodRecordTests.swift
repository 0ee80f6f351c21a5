import Testing

@testable import Kubernetes
@testable import Runtime
@testable import pbs_broker

/// When a pod that was refused is tried again.
@Suite(.runningLoop) struct PodRecordTests {
  private static func pod(_ annotations: [String: String] = [:], node: String? = nil) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(
        name: "redis", namespace: "default", uid: "uid-1", annotations: annotations),
      spec: PodSpec(containers: [Container(name: "a")]))
    pod.spec.nodeName = node
    return pod
  }

  @EventLoop private static func record(_ pod: Pod, notBefore: Double) -> PodRecord {
    let record = PodRecord(uid: "uid-1", jitter: Jitter(seed: 1))
    record.pod = pod
    record.notBefore = notBefore
    return record
  }

  @Test @EventLoop func aPodThatAsksForSomethingElseIsTriedSoon() {
    let record = Self.record(Self.pod(["pbs-connector/queue": "nowhere"]), notBefore: 300)
    record.noteChange(to: Self.pod(), now: 10)
    #expect(record.notBefore == 12)
  }

  @Test @EventLoop func aPodThatChangesAgainAndAgainIsNotPutOff() {
    let record = Self.record(Self.pod(), notBefore: 300)
    for (index, now) in [10.0, 11, 11.5].enumerated() {
      let pod = Self.pod(["pbs-connector/queue": "q\(index)"])
      record.noteChange(to: pod, now: now)
      record.pod = pod
    }
    #expect(record.notBefore == 12)
  }

  @Test @EventLoop func whatDoesNotMatterChangesNothing() {
    let record = Self.record(Self.pod(), notBefore: 300)
    var pod = Self.pod()
    pod.metadata.resourceVersion = "2"
    pod.status = PodStatus(phase: "Pending")
    record.noteChange(to: pod, now: 10)
    #expect(record.notBefore == 300)
    let bound = Self.record(Self.pod(node: "node1"), notBefore: 300)
    bound.noteChange(to: Self.pod(["pbs-connector/queue": "q"], node: "node1"), now: 10)
    #expect(bound.notBefore == 300)
  }
}
