import FoundationEssentials
import Testing

@testable import Messages
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
    owner: "alice@pbsserver", pod: redis,
    chunks: [.init(vnode: "node1", resources: ["ncpus": "1", "mem": "655360kb"])],
    select: "1:ncpus=1:mem=640mb", queue: "workq", execVnode: "(node1:ncpus=1:mem=655360kb)")

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
    let answer = try RecordedAnswer("pbs/qstat-express-running.txt")
    let job = try Self.job(answer.standardOutput)
    #expect(job.id == "95.pbsserver" && job.isRunning && job.substate == 42)
    #expect(job.pod == Self.redis && job.owner == "alice@pbsserver" && job.host == "node1")
    #expect(
      job.chunks == [
        .init(vnode: "node1", resources: ["ncpus": "1", "mem": "655360kb"]),
        .init(vnode: "node1", resources: ["ncpus": "1", "mem": "65536kb"]),
      ])
    #expect(job.select == "1:ncpus=1:mem=640mb+1:ncpus=1:mem=64mb")
    #expect(job.proof == nil && job.cluster == nil && job.runCount == 1 && job.exitStatus == nil)
  }

  @Test func readsTheRecordingOfAFinishedJob() throws {
    let job = try Self.job(RecordedAnswer("pbs/qstat-express-finished.txt").standardOutput)
    #expect(job.hasEnded && job.exitStatus == 271 && job.substate == 91)
    #expect(job.pod == Self.redis)
  }

  @Test func readsWhoseItIs() throws {
    let object = PBSText.Object(
      name: "5.s",
      attributes: [
        "job_state": "Q", "Resource_List.k8s_pod": "c-1/u-1/default/redis",
        "Variable_List": "KUBERNETES_CLUSTER=c-1,KUBERNETES_POD_SCHEDULER=pbs",
      ])
    let job = try #require(Job(object))
    #expect(job.proof == "c-1/u-1/default/redis" && job.cluster == "c-1" && job.scheduler == "pbs")
  }

  /// An attribute of another form than PBS gives it makes its job unreadable, and no other.
  @Test(arguments: [
    ("substate", "x"), ("substate", ""), ("substate", "99999999999999999999"), ("run_count", "1.5"),
    ("run_count", "-"), ("Exit_status", "9223372036854775807"), ("Exit_status", "0x1"),
    ("exec_vnode", "node1"), ("exec_vnode", ""),
  ])
  func aValueOfAnotherFormMakesAJobUnreadable(_ name: String, _ value: String) throws {
    let odd = "Job Id: 5.s\n    job_state = R\n    \(name) = \(value)\n\n"
    let good = "Job Id: 6.s\n    job_state = R\n    Exit_status = -29\n\n"
    let answer = QstatAnswer(Data((odd + good).utf8), asked: ["5.s", "6.s"])
    #expect(answer.unreadable == ["5.s"])
    #expect(answer.jobs.map(\.exitStatus) == [-29])
  }

  @Test func octetsThatAreNoUTF8AreReplaced() throws {
    var output = Data("Job Id: 5.s\n    job_state = Q\n    comment = ".utf8)
    output += [0xFF, 0xC3, 0x28]
    output += Data("\n\n".utf8)
    #expect(try Self.job(output).comment == "\u{FFFD}\u{FFFD}(")
  }

  /// exec_vnode, and what the job holds on which vnode.
  @Test(arguments: [
    ("(node1:ncpus=1)", ["node1: ncpus=1"]),
    ("(node1:mem=4kb:ncpus=2)", ["node1: mem=4kb ncpus=2"]),
    ("(vn1:ncpus=2+vn2:ncpus=1)+(vn3:ncpus=1)", ["vn1: ncpus=2", "vn2: ncpus=1", "vn3: ncpus=1"]),
    ("(host[0]:ncpus=1)", ["host[0]: ncpus=1"]), ("(node1)", ["node1: "]),
    ("(a.site.org:ncpus=1:gpu_id=0x1)", ["a.site.org: gpu_id=0x1 ncpus=1"]),
    ("(node1:x=a=b)", ["node1: x=a=b"]),
    ("", nil), ("()", nil), ("node1:ncpus=1", nil), ("(node1:ncpus=1", nil), ("(node1:ncpus)", nil),
    ("(node1:=1)", nil), ("(node1:ncpus=1)(node2:ncpus=1)", nil), ("(node1:ncpus=1)+()", nil),
    ("(:ncpus=1)", nil), ("(+)", nil), ("((node1:ncpus=1))", nil),
  ])
  func readsWhatItHolds(_ text: String, _ chunks: [String]?) {
    let shown = Job.allocatedChunks(text)?.map { chunk in
      let resources = chunk.resources.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      return "\(chunk.vnode): \(resources.joined(separator: " "))"
    }
    #expect(shown == chunks)
  }

  /// The letter, and whether such a job runs, is suspended, has ended.
  @Test(arguments: [
    ("Q", false, false, false), ("H", false, false, false), ("W", false, false, false),
    ("T", false, false, false),
    ("B", false, false, false), ("R", true, false, false), ("S", false, true, false),
    ("U", false, true, false),
    ("E", false, false, false), ("M", false, false, true), ("F", false, false, true),
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
