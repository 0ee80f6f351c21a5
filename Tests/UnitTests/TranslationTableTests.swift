import Testing

@testable import Kubernetes
@testable import Startup
@testable import pbs_broker

/// The table of Tests/translation/cases.yaml: what becomes of a pod, constraint by constraint.
@Suite struct TranslationTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var row: YAMLValue
    var testDescription: String { name }
  }

  static let cases: [Case] = {
    do {
      return try TestFiles.documents("translation/cases.yaml").flatMap { $0.items ?? [] }
        .map { Case(name: $0["name"]?.text ?? "", row: $0) }
    } catch {
      Issue.record("Tests/translation/cases.yaml cannot be read: \(error)")
      return []
    }
  }()

  /// A claim whose volume can be reached from nodes with one of these values of a label.
  private static func reached(_ name: String, _ label: String, _ values: [String]) -> VolumeClaim {
    let term = NodeSelectorTerm(
      matchExpressions: [.init(key: label, operator: "In", values: values)])
    return VolumeClaim(
      namespace: "default", name: name, isBound: true,
      volume: .init(nodes: NodeSelector(nodeSelectorTerms: [term])))
  }

  /// A claim that waits for a consumer.
  /// - Parameters:
  ///   - label: which its class lets volumes be provisioned for, with one of these values.
  private static func late(
    _ name: String, provisioner: String = "example.org/local", in label: String? = nil,
    _ values: [String] = []
  ) -> VolumeClaim {
    let term = label.map {
      NodeSelectorTerm(matchExpressions: [.init(key: $0, operator: "In", values: values)])
    }
    return VolumeClaim(
      namespace: "default", name: name, uid: "uid-of-\(name)", waitsForConsumer: true,
      provisioner: provisioner, topology: term.map { NodeSelector(nodeSelectorTerms: [$0]) })
  }

  /// The surroundings that the file's first lines describe.
  static func context() throws -> TranslationContext {
    let platform = ["kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"]
    let nodes = [
      Node("node1", hostname: "node1", labels: platform),
      Node("node2.site.org", hostname: "node2", labels: platform),
      Node("node3", hostname: "node3", labels: platform),
      Node("node5", hostname: "node5", labels: platform),
      Node(
        "other", hostname: "rack9",
        labels: ["kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"]),
    ]
    let vnodes = [
      ("node1", "node1"), ("node2", "node2"), ("vn3", "realhost3"), ("Node5", "Node5.site.org"),
    ]
    let claims = [
      VolumeClaim(namespace: "default", name: "bound", isBound: true),
      VolumeClaim(namespace: "default", name: "unbound"),
      late("late"), late("late-by-hand", provisioner: "kubernetes.io/no-provisioner"),
      late("late-local", in: "kubernetes.io/hostname", ["node3"]),
      late("late-here", in: "kubernetes.io/arch", ["amd64", "s390x"]),
      late("late-two", in: "kubernetes.io/hostname", ["node1", "node3"]),
      late("late-far", in: "topology.example/zone", ["z"]),
      VolumeClaim(namespace: "default", name: "late-untold", waitsForConsumer: true),
      VolumeClaim(
        namespace: "default", name: "late-selected", waitsForConsumer: true, selectedNode: "node1"),
      VolumeClaim(
        namespace: "default", name: "late-bound", isBound: true, waitsForConsumer: true,
        selectedNode: "node1"),
      VolumeClaim(
        namespace: "default", name: "late-elsewhere", isBound: true, waitsForConsumer: true,
        selectedNode: "other"),
      VolumeClaim(namespace: "default", name: "mine", isBound: true, isForOnePod: true),
      VolumeClaim(namespace: "default", name: "taken", isBound: true, isForOnePod: true),
      VolumeClaim(namespace: "default", name: "going", isBound: true, isTerminating: true),
      VolumeClaim(namespace: "default", name: "redis-own", isBound: true, controller: "uid-1"),
      VolumeClaim(namespace: "default", name: "redis-alien", isBound: true, controller: ""),
      VolumeClaim(
        namespace: "default", name: "network", isBound: true, waitsForConsumer: true,
        selectedNode: "node1", volume: .init()),
      reached("local", "kubernetes.io/hostname", ["node3"]),
      reached("here", "kubernetes.io/arch", ["amd64"]),
      reached("two", "kubernetes.io/hostname", ["node1", "node3"]),
      reached("far", "topology.example/zone", ["z"]),
    ]
    var context = TranslationContext(
      policy: try .usual(resources: ["nvidia.com/gpu": "ngpus"]),
      hostMap: HostMap(
        table: ["vn3": "node3"], nodes: nodes,
        hosts: PBSHosts(vnodes: vnodes.map { PBSVnode(name: $0.0, host: $0.1) })),
      claims: Dictionary(uniqueKeysWithValues: claims.map { ($0.fullName, $0) }))
    for claim in claims { context.claimReach.set(claim, among: nodes) }
    for (name, uid, claim) in [("redis", "uid-1", "mine"), ("first", "uid-2", "taken")] {
      let spec = try YAMLValue(
        parsing: """
          {containers: [{name: a}],
           volumes: [{name: d, persistentVolumeClaim: {claimName: \(claim)}}]}
          """)
      let metadata = try YAMLValue(parsing: "{name: \(name), uid: \(uid)}")
      context.claimUsers.set(try Pod(spec: spec, metadata: metadata), uses: true)
    }
    return context
  }

  @Test func theTableIsThere() {
    #expect(Self.cases.count >= 80)
    #expect(Set(Self.cases.map(\.name)).count == Self.cases.count, "two cases of one name")
  }

  @Test(arguments: cases)
  func becomes(_ item: Case) throws {
    var spec = item.row["spec"] ?? .mapping([])
    if spec["containers"] == nil {
      let container = try YAMLValue(
        parsing: #"[{name: a, resources: {requests: {cpu: "1", memory: 640Mi}}}]"#)
      spec = spec.setting("containers", container)
    }
    let pod = try Pod(spec: spec, metadata: item.row["metadata"] ?? .mapping([]))
    let expected = ExpectedTranslation(item.row)
    #expect([expected.select, expected.refused, expected.waits].compactMap(\.self).count == 1)
    #expect(ExpectedTranslation(pod, in: try Self.context()) == expected)
  }
}
