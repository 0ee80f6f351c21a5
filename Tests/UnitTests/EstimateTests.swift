import Testing

@testable import Messages
@testable import pbs_broker

/// What PBS has decided, as it comes back.
struct EstimateTests {
  private static func job(_ attributes: [String: String]) throws -> Job {
    try #require(
      Job(
        PBSText.Object(
          name: "5.s", attributes: attributes.merging(["job_state": "Q"]) { own, _ in own })))
  }

  @Test func anEstimateIsAMinute() throws {
    // As libpbs tells it, and as qstat does, in the time of this host.
    let moment = 1_795_689_625
    #expect(try Self.job(["estimated.start_time": "\(moment)"]).estimate == "2026-11-26T10:40:00Z")
    let text = try #require(LocalTime.text(moment))
    let clock = [text.dropFirst(8).prefix(2), text.dropFirst(10).prefix(2), text.suffix(2)]
    let told = "Thu Nov \(text.dropFirst(6).prefix(2)) \(clock.joined(separator: ":")) 2026"
    #expect(try Self.job(["estimated.start_time": told]).estimate == "2026-11-26T10:40:00Z")
  }

  @Test(arguments: [
    "", "soon", "0", "-1", "Thu Nov 26 2026", "Thu Foo 26 10:00:00 2026", "99999999999999999999",
  ])
  func whatIsNoMomentIsNoEstimate(_ text: String) throws {
    #expect(try Self.job(["estimated.start_time": text]).estimate == nil)
  }

  @Test func onlyAWaitingJobHasOne() throws {
    let job = try Self.job(["job_state": "R", "estimated.start_time": "1795689625"])
    #expect(job.estimate == nil)
  }

  @Test func whatPBSGaveStandsOnThePodWhereItCan() throws {
    let given = "(node1:ncpus=2:mem=655360kb)"
    #expect(try Self.job(["job_state": "R", "exec_vnode": given]).execVnodeForPod == given)
    let long = "(" + String(repeating: "n", count: 5000) + ":ncpus=2)"
    #expect(try Self.job(["job_state": "R", "exec_vnode": long]).execVnodeForPod == nil)
    #expect(try Self.job([:]).execVnodeForPod == nil)
  }

  @Test func aBinderTakesNothingElse() {
    let pod = PodReference(uid: "uid-1", namespace: "default", name: "redis")
    func bind(_ vnode: String?) -> BrokerMessage {
      .bind(.init(pod: pod, node: "node1", job: "5.s", runCount: 1, execVnode: vnode))
    }
    func report(_ moment: String?) -> BrokerMessage {
      .report(
        .init(
          pod: pod, job: "5.s", reason: "FailedScheduling", message: "", warning: true,
          unscheduled: true, estimatedStart: moment))
    }
    #expect(bind(nil).problem == nil && bind("(node1:ncpus=2)").problem == nil)
    #expect(bind("").problem != nil && bind("a\nb").problem != nil && bind("(ü)").problem != nil)
    #expect(report(nil).problem == nil && report("2026-11-26T11:20:00Z").problem == nil)
    #expect(report("tomorrow").problem != nil)
  }
}
