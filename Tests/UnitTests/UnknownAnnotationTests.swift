import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import pbs_broker

/// An annotation of ours that means nothing is told, when there is nothing else to tell.
@Suite struct UnknownAnnotationTests {
  private static func pod(_ annotations: [String: String], on node: String? = nil) -> Pod {
    var pod = Pod(
      metadata: ObjectMeta(
        name: "redis", namespace: "default", uid: "uid-1", annotations: annotations),
      spec: PodSpec(containers: [Container(name: "a")]))
    pod.spec.nodeName = node
    return pod
  }

  private static func report(_ situation: Situation) -> BrokerMessage.Report? {
    guard case .report(let report) = Reconciliation.decide(situation).message else { return nil }
    return report
  }

  private static let job = JobDescription(
    name: "redis", chunks: [], walltime: nil, queue: nil, environment: [])

  @Test(arguments: [nil, "node1"])
  func isTold(_ node: String?) throws {
    let pod = Self.pod(
      ["pbs-connector/qeue": "gpu", "pbs-connector/queue": "gpu", "other/qeue": "x"], on: node)
    let report = try #require(
      Self.report(Situation(presence: .present(pod), translation: .success(Self.job), now: Date())))
    #expect(report.reason == "UnknownAnnotation")
    #expect(report.message == "nobody knows what is meant by pbs-connector/qeue")
    #expect(report.warning && !report.unscheduled)
  }

  @Test func doesNotHideWhatIsGraver() throws {
    let pod = Self.pod(["pbs-connector/qeue": "gpu"])
    let report = try #require(
      Self.report(
        Situation(presence: .present(pod), translation: .failure(Refusal("no")), now: Date())))
    #expect(report.reason == "FailedScheduling")
  }

  @Test func whatTheConnectorWritesIsKnown() {
    let pod = Self.pod([WellKnown.jobID: "5.pbsserver", WellKnown.runCount: "1"])
    #expect(OptionKey.unknownAnnotations(of: pod) == [])
  }
}

/// Pods by name, and who waits for them.
@Suite struct PodDirectoryTests {
  private static func pod(_ name: String, _ uid: String, depend: String? = nil) -> Pod {
    let annotations = depend.map { ["pbs-connector/depend": $0] }
    return Pod(
      metadata: ObjectMeta(name: name, namespace: "ns", uid: uid, annotations: annotations),
      spec: PodSpec(containers: [Container(name: "a")]))
  }

  @Test func knowsWhoWaitsForWhom() {
    var directory = PodDirectory()
    directory.enter(Self.pod("a", "1", depend: "after:pod/b,afterok:pod/c:5"))
    directory.enter(Self.pod("b", "2"))
    #expect(directory.uid(of: "ns/b") == "2")
    #expect(directory.uid(of: "ns/c") == nil)
    #expect(directory.dependants(of: "ns/b") == ["1"])
    #expect(directory.dependants(of: "ns/c") == ["1"])
    directory.enter(Self.pod("a", "1", depend: "after:pod/c"))
    #expect(directory.dependants(of: "ns/b") == [])
    #expect(directory.dependants(of: "ns/c") == ["1"])
    directory.remove("1")
    #expect(directory.dependants(of: "ns/c") == [])
    #expect(directory.uid(of: "ns/a") == nil)
  }

  @Test func aPodMadeAnewHasTheName() {
    var directory = PodDirectory()
    directory.enter(Self.pod("a", "1"))
    directory.enter(Self.pod("a", "2"))
    directory.remove("1")
    #expect(directory.uid(of: "ns/a") == "2")
  }

  @Test func whatIsRefusedNamesNobody() {
    #expect(Self.pod("a", "1", depend: "after:pod/b,nonsense").dependencyNames == [])
  }
}
