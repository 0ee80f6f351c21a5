import ManualTime
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import Wire
@testable import pbs_broker

/// What a pod is told, compared with what its condition says.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct OutboxReportsTests {
  private static let reference = PodReference(uid: "uid-1", namespace: "default", name: "redis")

  /// What kube-watcher shows of the pod.
  @EventLoop private final class Condition {
    var shown: String?
  }

  private static func report(_ job: String?, _ message: String) -> BrokerMessage.Report {
    .init(
      pod: reference, job: job, reason: "FailedScheduling", message: message, warning: true,
      unscheduled: true)
  }

  private static func pod(told message: String?) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(name: "redis", namespace: "default", uid: "uid-1"),
      spec: PodSpec(containers: [Container(name: "a")]), status: PodStatus(phase: "Pending"))
    pod.status?.conditions = message.map {
      [PodCondition(type: "PodScheduled", status: "False", reason: "Unschedulable", message: $0)]
    }
    return pod
  }

  @Test(arguments: [
    ("job 9.s: no cpus", "job 9.s: no cpus", true),
    // Numbers are told now and then.
    ("job 9.s: 3 cpus of 4", "job 9.s: 2 cpus of 4", true),
    // Another job is another thing, though its number be part of this one's.
    ("job 9.s: no cpus", "job 56.s: no cpus", false),
    ("job 9.s: no cpus", "job 59.s: no cpus", false),
    ("job 9.s: no cpus", "job 9.s ended before the pod was bound", false),
    ("job 9.s: no cpus", nil, false),
    ("job 9.s: no\tcpus", "job 9.s: no cpus", true),
  ]) func whetherAConditionSaysIt(_ wanted: String, _ shown: String?, _ stands: Bool) {
    #expect(Self.report("9.s", wanted).stands(on: Self.pod(told: shown)) == stands)
  }

  @Test func whoDoesNotWaitIsToldNothing() {
    let report = Self.report("9.s", "no cpus")
    var bound = Self.pod(told: nil)
    bound.spec.nodeName = "node1"
    var finished = Self.pod(told: nil)
    finished.status?.phase = "Failed"
    var terminating = Self.pod(told: nil)
    terminating.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    for pod in [bound, finished, terminating, nil] { #expect(report.stands(on: pod)) }
    var event = report
    event.unscheduled = false
    #expect(event.stands(on: Self.pod(told: nil)))
  }

  /// Two brokers: the other one, which had the pod for a moment, has told it what it knew.
  @Test @EventLoop func whatAnotherBrokerHasWrittenOverIsToldAgain() async throws {
    let folder = try TemporaryFolder()
    let lines = LogLines()
    let clock = ManualClock()
    let publisher = try Publisher(
      path: "\(folder.path)/b.sock", role: .pbsBroker, instance: "broker-1", consumers: .binder,
      allowedPeers: [], clock: clock, log: lines.logger)
    let outbox = Outbox(publisher: publisher, clock: clock, log: lines.logger)
    outbox.owns = { _ in true }
    outbox.ownerOf = { _ in "binder-1" }
    outbox.hearsSince = { 0 }
    let condition = Condition()
    outbox.shows = {
      guard case .report(let report) = $0 else { return false }
      return report.stands(on: Self.pod(told: condition.shown))
    }
    let report = Self.report("9.s", "job 9.s: no cpus")
    func compare() -> Bool {
      outbox.want(.report(report), for: "uid-1", name: "default/redis", isGone: false)
    }
    func answer() {
      _ = outbox.settle(
        .init(
          pod: Self.reference, id: nil, request: "report", job: "9.s", result: .reported,
          message: nil),
        from: "binder-1", name: "default/redis")
    }
    _ = compare()
    answer()
    condition.shown = report.message
    await clock.advance(by: 1000)
    #expect(compare() && !outbox.isOpen("uid-1"))

    condition.shown = "job 56.s ended before the pod was bound"
    #expect(!compare() && outbox.isOpen("uid-1"))
    answer()
    // It may be on its way.
    #expect(!compare() && !outbox.isOpen("uid-1"))
    condition.shown = report.message
    #expect(compare() && !outbox.isOpen("uid-1"))

    // Whoever writes over it all the time makes no more of it than this.
    condition.shown = "mine"
    var told = 0
    for _ in 0..<3600 {
      await clock.advance(by: 1)
      _ = compare()
      if outbox.isOpen("uid-1") { told += 1 }
      answer()
    }
    #expect((6...11).contains(told))
    #expect(lines.all.count { $0.contains("told again") } < 12)
  }
}
