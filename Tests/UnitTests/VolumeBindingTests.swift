import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Startup
@testable import pbs_broker

/// What follows from a pod's volume claims for the job that PBS has started on node1.
@Suite struct VolumeBindingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// nil: it does not exist.
    var claim: VolumeClaim?
    /// It had node1 before.
    var wasSelected = false
    var waited = 0.0
    var selects = false
    var waits: String?
    var failure: String?
    var isOfNode = false
  }

  private static func claim(_ change: (inout VolumeClaim) -> Void = { _ in }) -> VolumeClaim {
    var claim = VolumeClaim(
      namespace: "default", name: "data", uid: "uid-3", waitsForConsumer: true,
      provisioner: "example.org/local")
    change(&claim)
    return claim
  }

  private static func on(_ node: String) -> NodeSelector {
    NodeSelector(nodeSelectorTerms: [
      NodeSelectorTerm(matchFields: [.init(key: "metadata.name", operator: "In", values: [node])])
    ])
  }

  static let cases: [Case] = [
    Case(testDescription: "it gets the node", claim: claim(), selects: true, waits: "on node1"),
    Case(
      testDescription: "its class provides for the node",
      claim: claim { $0.topology = on("node1") },
      selects: true, waits: "to be provisioned on node1"),
    Case(
      testDescription: "its class does not provide for the node",
      claim: claim { $0.topology = on("node2") }, failure: "its class does not provide for node1"),
    Case(
      testDescription: "its class has no provisioner",
      claim: claim { $0.provisioner = "kubernetes.io/no-provisioner" },
      failure: "its class does not provide for node1"),
    Case(
      testDescription: "an older kube-watcher tells of it", claim: claim { $0.uid = nil },
      waits: "on node1"),
    Case(
      testDescription: "it has the node", claim: claim { $0.selectedNode = "node1" },
      waits: "to be provisioned on node1"),
    Case(
      testDescription: "it has another node", claim: claim { $0.selectedNode = "node2" },
      waits: "on node2", failure: "is to be provisioned on node2"),
    Case(
      testDescription: "its provisioner has taken the node away", claim: claim(),
      wasSelected: true, failure: "its provisioner has given up node1", isOfNode: true),
    Case(
      testDescription: "it is bound", claim: claim { $0.isBound = true }, wasSelected: true),
    Case(
      testDescription: "it is bound to a volume that the node reaches",
      claim: claim {
        $0.isBound = true
        $0.volume = .init(nodes: on("node1"))
      }),
    Case(
      testDescription: "it is bound to a volume that the node does not reach",
      claim: claim {
        $0.isBound = true
        $0.volume = .init(nodes: on("node2"))
      }, failure: "its volume cannot be reached from node1"),
    Case(
      testDescription: "it is bound to a volume of another node that is not known yet",
      claim: claim {
        $0.isBound = true
        $0.selectedNode = "node2"
      }, waits: "provisioned on node2, to be known"),
    Case(
      testDescription: "it is bound to a network volume that was provisioned for another node",
      claim: claim {
        $0.isBound = true
        $0.selectedNode = "node2"
        $0.volume = .init()
      }),
    Case(
      testDescription: "it is to be bound by others", claim: claim { $0.waitsForConsumer = false },
      waits: "to be bound"),
    Case(
      testDescription: "it is being deleted",
      claim: claim {
        $0.isBound = true
        $0.isTerminating = true
      }, failure: "is being deleted"),
    Case(testDescription: "it is gone", claim: nil, failure: "does not exist any more"),
    Case(
      testDescription: "it may take a moment longer", claim: claim { $0.selectedNode = "node1" },
      waited: 599, waits: "on node1"),
    Case(
      testDescription: "it takes too long", claim: claim { $0.selectedNode = "node1" },
      waited: 600, waits: "on node1", failure: "no volume within 600 s on node1", isOfNode: true),
    Case(
      testDescription: "it was not given the node in all that time", claim: claim(), waited: 600,
      waits: "on node1", failure: "no volume within 600 s on node1", isOfNode: true),
  ]

  private static func binding(_ item: Case) throws -> VolumeBinding {
    let claims = item.claim.map { [$0.fullName: $0] } ?? [:]
    var reach = ClaimReach()
    for claim in claims.values { reach.set(claim, among: [Node("node1"), Node("node2")]) }
    var wait = VolumeBinding.Wait(job: "5.s", node: "node1", since: 0)
    if item.wasSelected { wait = wait.seeing([claim { $0.selectedNode = "node1" }]) }
    return VolumeBinding(
      of: try pod, claims: claims, reach: reach, wait: wait, limit: 600, now: item.waited)
  }

  private static var pod: Pod {
    get throws {
      try Pod(
        spec: YAMLValue(
          parsing: """
            {schedulerName: pbs, containers: [{name: a}],
             volumes: [{name: d, persistentVolumeClaim: {claimName: data}},
                       {name: e, persistentVolumeClaim: {claimName: data}}]}
            """), metadata: .mapping([]))
    }
  }

  @Test(arguments: cases) func follows(_ item: Case) throws {
    let binding = try Self.binding(item)
    let reference = ClaimReference(uid: "uid-3", name: "data")
    #expect(binding.selections == (item.selects ? [reference] : []))
    #expect(binding.waits.count == (item.waits == nil ? 0 : 1))
    if let words = item.waits { #expect(binding.waits[0].contains(words)) }
    #expect((binding.failure == nil) == (item.failure == nil))
    if let words = item.failure { #expect(binding.failure?.words.contains(words) == true) }
    #expect((binding.failure?.isOfNode ?? false) == item.isOfNode)
    #expect(binding.isReady == (item.waits == nil && item.failure == nil))
  }

  @Test func whatCannotBeIsNotBegun() throws {
    let other = VolumeClaim(namespace: "default", name: "other", uid: "uid-4", isTerminating: true)
    let claims = ["default/data": Self.claim(), "default/other": other]
    let pod = try Pod(
      spec: YAMLValue(
        parsing: """
          {containers: [{name: a}],
           volumes: [{name: d, persistentVolumeClaim: {claimName: data}},
                     {name: e, persistentVolumeClaim: {claimName: other}}]}
          """), metadata: .mapping([]))
    let binding = VolumeBinding(
      of: pod, claims: claims, reach: ClaimReach(),
      wait: .init(job: "5.s", node: "node1", since: 0), limit: 600, now: 0)
    #expect(binding.selections.isEmpty && binding.failure != nil)
  }

  // MARK: What is decided

  private static func decision(_ item: Case, trouble: String? = nil) throws -> Decision {
    var job = Job.with("5.s", .running, substate: 42)
    job.execHost = "node1/0"
    return Reconciliation.decide(
      Situation(
        presence: .present(try pod), jobs: [job],
        hostMap: HostMap(nodes: [Node("node1")]), volumes: try binding(item),
        selectionTrouble: trouble, now: Date(timeIntervalSince1970: 1_795_491_287)))
  }

  @Test func aPodIsBoundWhenItsVolumesAreThere() throws {
    let bound = try Self.decision(Self.cases[8])
    guard case .bind(let bind) = bound.message else {
      Issue.record("not bound: \(bound)")
      return
    }
    #expect(bind.node == "node1" && bound.selections.isEmpty && bound.deletions.isEmpty)
  }

  @Test(arguments: [nil, "no binder answers"])
  func aPodWaitsOnItsNodeWhileTheyAreMade(_ trouble: String?) throws {
    let decision = try Self.decision(Self.cases[0], trouble: trouble)
    guard case .report(let report) = decision.message else {
      Issue.record("not told: \(decision)")
      return
    }
    let more = trouble.map { " (\($0))" } ?? ""
    #expect(
      report.message
        == "job 5.s runs on node1, and waits for volume claim default/data to be provisioned on node1"
        + more)
    #expect(report.reason == "WaitingForVolumes" && report.unscheduled)
    #expect(report.warning == (trouble != nil))
    #expect(decision.node == "node1" && decision.deletions.isEmpty)
    #expect(decision.selections.map(\.node) == ["node1"])
    #expect(decision.selections.map(\.job) == ["5.s"])
  }

  @Test func aJobThatRunsWhereTheyCannotBeIsReleased() throws {
    let decision = try Self.decision(Self.cases[7])
    #expect(decision.deletions.map(\.job) == ["5.s"])
    #expect(decision.unprovided?.failure.isOfNode == true)
    #expect(decision.selections.isEmpty && decision.node == nil)
  }
}
