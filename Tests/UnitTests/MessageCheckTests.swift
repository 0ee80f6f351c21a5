import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages

/// A message's id, and what is refused before anything is done.
@Suite struct MessageCheckTests {
  private static let redis = PodReference(uid: "uid-1", namespace: "default", name: "redis")

  private static func bind(
    _ pod: PodReference = redis, node: String = "node1", job: String = "5.s", runCount: Int = 1
  ) -> BrokerMessage {
    .bind(.init(pod: pod, node: node, job: job, runCount: runCount))
  }

  private static func report(_ reason: String, job: String? = nil) -> BrokerMessage {
    .report(
      .init(
        pod: redis, job: job, reason: reason, message: "\u{1B}anything\n", warning: true,
        unscheduled: true))
  }

  @Test(arguments: [
    bind(), bind(node: "n001.example.org", job: "7[3].pbs-server.example.org", runCount: 0),
    report("FailedScheduling"), report("JobSuspended", job: "5.s"),
    .evict(.init(pod: redis, job: "5.s", message: "")), .withdraw(redis), .unknown(type: "x"),
  ])
  func whatABrokerSaysIsNoProblem(_ message: BrokerMessage) {
    #expect(message.problem == nil)
  }

  @Test(arguments: [
    (bind(.init(uid: "", namespace: "default", name: "redis")), "\"\" is no UID"),
    (bind(.init(uid: "u/1", namespace: "default", name: "redis")), "\"u/1\" is no UID"),
    (
      bind(.init(uid: "u", namespace: "../../nodes", name: "redis")),
      "\"../../nodes\" is no namespace's name"
    ),
    (
      .withdraw(.init(uid: "u", namespace: "default", name: "a?dryRun=All")),
      "\"a?dryRun=All\" is no pod's name"
    ),
    (
      .evict(
        .init(
          pod: .init(uid: "u", namespace: "kube-system", name: "a/status"), job: "5.s", message: "")
      ), "\"a/status\" is no pod's name"
    ),
    (bind(node: "Node 1"), "\"Node 1\" is no node's name"),
    (bind(node: ""), "\"\" is no node's name"), (bind(job: "workq"), "\"workq\" is no job's id"),
    (bind(runCount: -1), "a run count of -1"),
    (.evict(.init(pod: redis, job: "-Q", message: "")), "\"-Q\" is no job's id"),
    (report("FailedScheduling", job: ""), "\"\" is no job's id"),
    (report(""), "\"\" is no Event's reason"),
    (report("Failed it"), "\"Failed it\" is no Event's reason"),
  ])
  func whatIsNoNameIsAProblem(_ message: BrokerMessage, _ words: String) {
    #expect(message.problem == words)
  }

  @Test func anIDComesBesideTheOwnerAndIsOptional() throws {
    func read(_ json: String) throws -> OwnedBrokerMessage {
      try JSONDecoder().decode(OwnedBrokerMessage.self, from: Data(json.utf8))
    }
    let pod = #""pod":{"uid":"uid-1","namespace":"default","name":"redis"}"#
    #expect(try read(#"{"id":7,"owner":"b","type":"withdraw",\#(pod)}"#).id == 7)
    #expect(try read(#"{"owner":"b","type":"withdraw",\#(pod)}"#).id == nil)
    #expect(throws: DecodingError.self) { try read(#"{"id":"7","type":"withdraw",\#(pod)}"#) }
  }

  @Test func anOutcomeRepeatsTheID() throws {
    let outcome = BinderMessage.outcome(
      .init(pod: Self.redis, id: 7, request: "bind", job: "5.s", result: .bound))
    let json = try JSONEncoder().encode(outcome)
    #expect(String(decoding: json, as: UTF8.self).contains(#""id":7"#))
    #expect(try JSONDecoder().decode(BinderMessage.self, from: json) == outcome)
    let old = BinderMessage.outcome(
      .init(pod: Self.redis, request: "bind", job: "5.s", result: .bound))
    #expect(!String(decoding: try JSONEncoder().encode(old), as: UTF8.self).contains(#""id""#))
  }
}
