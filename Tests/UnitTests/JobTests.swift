import FoundationEssentials
import Testing

@testable import Shared
@testable import pbs_broker

/// PBS Professional Reference Guide, "Job Attributes" and "Job States".
@Suite struct JobTests {
  private static let redis = PodReference(
    uid: "7f1c9a52-0c5e-4a0e-9a37-0f3a2c1b5d11", namespace: "default", name: "redis")

  private static func job(_ output: Data) throws -> Job {
    let object = try #require(PBSText.parse(output, prefix: "Job Id: ").first)
    return try #require(Job(object))
  }

  private static let running = Job(
    id: "2.pbsserver", state: .running, substate: 42, execHost: "node1/1", runCount: 1,
    comment: "Job run at Tue Nov 24 at 03:34 on (node1:ncpus=1:mem=655360kb)", exitStatus: nil,
    holdTypes: "n",
    owner: "alice@pbsserver", pod: redis)

  private static let ended = Job(
    id: "3.pbsserver", state: .finished, substate: 91, execHost: "node1/1", runCount: 1,
    comment:
      "Job run at Tue Nov 24 at 03:34 on (node1:ncpus=1:mem=655360kb) and terminated by root@pbsserver",
    exitStatus: 271, holdTypes: nil, owner: "alice@pbsserver", pod: redis)

  @Test func readsARunningJob() throws {
    #expect(try Self.job(QstatExcerpts.running) == Self.running)
  }

  @Test func readsAFinishedJob() throws {
    let job = try Self.job(QstatExcerpts.finished)
    #expect(job == Self.ended)
    #expect(job.hasEnded && !job.isRunning)
  }

  @Test func readsTheRecordingOfARunningJob() throws {
    #expect(try Self.job(Recordings.output("qstat-f-text.txt")) == Self.running)
  }

  @Test func readsTheRecordingOfAJobOnItsWayOut() throws {
    var expected = Self.ended
    expected.id = "2.pbsserver"
    expected.state = .exiting
    expected.substate = 51
    expected.holdTypes = "n"
    let job = try Self.job(Recordings.output("qstat-finished-text.txt"))
    #expect(job == expected)
    #expect(!job.hasEnded && !job.isRunning)
  }

  /// The letter, and whether such a job runs, is suspended, has ended.
  @Test(arguments: [
    ("Q", false, false, false), ("H", false, false, false), ("W", false, false, false),
    ("T", false, false, false),
    ("B", false, false, false), ("R", true, false, false), ("S", false, true, false),
    ("U", false, true, false),
    ("E", false, false, false), ("M", false, false, false), ("F", false, false, true),
    ("X", false, false, true),
  ])
  func knowsEveryState(_ letter: String, _ runs: Bool, _ isSuspended: Bool, _ hasEnded: Bool) throws
  {
    let job = try #require(Job(PBSText.Object(name: "5.s", attributes: ["job_state": letter])))
    #expect(job.isRunning == runs)
    #expect(job.isSuspended == isSuspended)
    #expect(job.hasEnded == hasEnded)
  }

  @Test(arguments: [
    [:], ["job_state": ""], ["job_state": "Z"], ["job_state": "RR"], ["substate": "42"],
  ])
  func withoutAKnownStateThereIsNoJob(_ attributes: [String: String]) {
    #expect(Job(PBSText.Object(name: "5.s", attributes: attributes)) == nil)
  }

  /// exec_host, and the host of the job's first chunk.
  @Test(arguments: [
    (nil, nil), ("", nil), ("node1/0", "node1"), ("node1/0*2", "node1"),
    ("node1/0+node2/0*4", "node1"),
    ("node1.site.org/0", "node1.site.org"), ("node1:15002/0", "node1"),
  ])
  func hasTheHostOfItsFirstChunk(_ execHost: String?, _ host: String?) throws {
    let attributes = ["job_state": "R"].merging(execHost.map { ["exec_host": $0] } ?? [:]) { $1 }
    #expect(try #require(Job(PBSText.Object(name: "5.s", attributes: attributes))).host == host)
  }

  @Test(arguments: [("5.pbsserver", 5), ("1234567.site.org", 1_234_567), ("12[].s", 12), ("x", 0)])
  func hasANumber(_ id: String, _ sequence: Int) throws {
    #expect(
      try #require(Job(PBSText.Object(name: id, attributes: ["job_state": "Q"]))).sequence
        == sequence)
  }

  @Test(arguments: [
    "", "PBS_O_HOME=/root", "KUBERNETES_POD_UID=", "X_KUBERNETES_POD_UID=u", "KUBERNETES_POD_UID",
  ])
  func aJobWithoutAUIDIsNoPods(_ variables: String) throws {
    let attributes = ["job_state": "Q", "Variable_List": variables]
    #expect(try #require(Job(PBSText.Object(name: "5.s", attributes: attributes))).pod == nil)
  }
}
