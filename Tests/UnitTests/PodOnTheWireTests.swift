import FoundationEssentials
import Testing

@testable import Kubernetes
@testable import pbs_broker

/// What of a pod goes from the API through kube-watcher to the brokers: what they need, and
/// little enough of that, whatever a user puts into a pod.
@Suite struct PodOnTheWireTests {
  /// A frame may have 4 MiB; a pod is never near that.
  private static let most = 256 << 10

  private static func encoded(_ pod: Pod) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(pod)
  }

  /// The pod as a broker reads it.
  private static func received(_ pod: Pod) throws -> Pod {
    try JSONDecoder().decode(Pod.self, from: encoded(pod))
  }

  /// A list in JSON; in each item "#" stands for its number.
  private static func list(_ count: Int, _ item: String) -> String {
    Large(before: "[", count: count, item: item, after: "]", words: "").member
  }

  private static let container = #""containers": [{"name": "a"}]"#

  /// A member of the spec that fills the largest pod that an API server takes (3 MiB in a request,
  /// 1.5 MiB in etcd): what stands before and after many items, and what the pod is refused for.
  struct Large: Sendable, CustomTestStringConvertible {
    var before: String
    var count: Int
    /// "#" stands for its number.
    var item: String
    var after: String
    var words: String

    var member: String {
      let parts = item.components(separatedBy: "#")
      let items = (1...count).map { parts.joined(separator: "\($0)") }
      return before + items.joined(separator: ",") + after
    }
    var testDescription: String { words }
  }

  private static let required = #"{"requiredDuringSchedulingIgnoredDuringExecution": "#

  static let largest = [
    Large(
      before: #""affinity": {"podAffinity": "# + required + "[", count: 270_000,
      item: #"{"topologyKey":"a"}"#, after: "]}}", words: "required podAffinity"),
    Large(
      before: #""affinity": {"podAntiAffinity": "# + required + "[", count: 270_000,
      item: #"{"topologyKey":"a"}"#, after: "]}}", words: "required podAntiAffinity"),
    Large(
      before: #""affinity": {"nodeAffinity": "# + required
        + #"{"nodeSelectorTerms": [{"matchExpressions": ["#,
      count: 95_000, item: #"{"key":"a","operator":"Exists"}"#, after: "]}]}}}",
      words: "spec.nodeAffinity is too large"),
    Large(
      before: #""affinity": {"nodeAffinity": "# + required
        + #"{"nodeSelectorTerms": [{"matchFields": [{"key":"a","operator":"In","values": [""#,
      count: 1, item: String(repeating: #"\u0001"#, count: 1_300_000), after: #""]}]}]}}}"#,
      words: "spec.nodeAffinity is too large"),
    Large(
      before: #""nodeSelector": {"#, count: 50_000, item: ##""k#":"v""##, after: "}",
      words: "spec.nodeSelector is too large"),
    Large(
      before: #""initContainers": ["#, count: 20_000, item: ##"{"name":"c#"}"##, after: "]",
      words: "spec.initContainers is too large"),
    Large(
      before: #""initContainers": [{"name": "i", "ports": ["#, count: 65_000,
      item: ##"{"hostPort":#}"##, after: "]}]", words: "spec.initContainers is too large"),
    Large(
      before: #""resources": {"requests": {"#, count: 50_000, item: ##""x.com/#":"1""##,
      after: "}}", words: "spec.resources is too large"),
    Large(
      before: #""overhead": {"#, count: 50_000, item: ##""x.com/#":"1""##, after: "}",
      words: "spec.overhead is too large"),
    Large(
      before: #""topologySpreadConstraints": ["#, count: 30_000,
      item: ##"{"topologyKey":"k#","whenUnsatisfiable":"ScheduleAnyway"}"##, after: "]",
      words: "spec.topologySpreadConstraints is too large"),
    Large(
      before: #""resourceClaims": ["#, count: 60_000, item: ##"{"name":"c#"}"##, after: "]",
      words: "spec.resourceClaims is too large"),
    Large(
      before: #""schedulingGates": ["#, count: 60_000, item: ##"{"name":"g#"}"##, after: "]",
      words: "spec.schedulingGates is too large"),
    Large(
      before: #""volumes": ["#, count: 20_000,
      item: ##"{"name":"v#","persistentVolumeClaim":{"claimName":"c"}}"##, after: "]",
      words: "spec.volumes is too large"),
  ]

  @Test(arguments: largest)
  func theLargestPodIsSmallAndRefusedByName(_ large: Large) throws {
    let pod = try Pod.with(spec: Self.container + ", " + large.member)
    #expect(try Self.encoded(pod).count < 8 << 10)
    let refusal = #expect(throws: Refusal.self) {
      try PodTranslation.job(for: Self.received(pod), in: TranslationContext())
    }
    #expect(refusal?.description.contains(large.words) == true)
  }

  @Test func tooManyContainersAreRefusedByNameToo() throws {
    let containers = Self.list(20_000, ##"{"name":"c#","image":"x"}"##)
    let pod = try Pod.with(spec: #""containers": "# + containers)
    #expect(pod.spec.containers.isEmpty)
    #expect(try Self.received(pod).oversized == ["spec.containers"])
  }

  /// Each member as large as it may be, of what JSON writes longest.
  @Test func aPodThatIsAsLargeAsItMayBeIsFarBelowAFramesLimit() throws {
    let slashes = String(repeating: "/", count: 44)
    let container =
      #"{"name":""# + slashes
      + ##"#","resources":{"requests":{"a":"1"},"limits":{"a":"1"}},"ports":[{"hostPort":65535}]}"##
    let containers = Self.list(100, container)
    let map = "{" + Self.list(110, ##""////////#":"////""##).dropFirst().dropLast() + "}"
    let names = Self.list(120, ##"{"name":"////////////#"}"##)
    let controls = String(repeating: #"\u0001"#, count: 3800)
    let spread = #"{"topologyKey":"/////","whenUnsatisfiable":"ScheduleAnyway"}"#
    let volume = ##"{"name":"////////#","persistentVolumeClaim":{"claimName":"/////////#"}}"##
    let members = [
      #""containers": "# + containers, #""initContainers": "# + containers, #""overhead": "# + map,
      #""resources": {"requests": "# + map + "}", #""nodeSelector": "# + map,
      #""schedulingGates": "# + names, #""resourceClaims": "# + names,
      #""topologySpreadConstraints": "# + Self.list(100, spread),
      #""volumes": "# + Self.list(100, volume),
      #""affinity": {"nodeAffinity": "# + Self.required
        + #"{"nodeSelectorTerms": [{"matchExpressions": [{"key":"a","operator":"In","values":[""#
        + controls + #""]}]}]}}}"#,
    ]
    let conditions = ["PodScheduled", "Ready", "DisruptionTarget"].map {
      #"{"type":""# + $0 + #"","status":"False","message":""# + controls + #""}"#
    }
    let pod = try Pod.with(
      spec: members.joined(separator: ","),
      metadata: #", "annotations": {"pbs-connector/job-id": ""# + controls + #""}"#,
      status: #"{"conditions": ["# + conditions.joined(separator: ",") + "]}")
    #expect(pod.oversized == [])
    let size = try Self.encoded(pod).count
    #expect(size < Self.most)
    #expect(size > Self.most / 3)
  }

  @Test func onlyTheConnectorsAnnotationsArePassedOn() throws {
    let huge = String(repeating: "ä/中", count: 40_000)
    let pod = try Pod.with(
      metadata: #"""
        , "labels": {"app": "x"},
        "annotations": {"a": "\#(huge)", "pbs-connector/job-id": "5.pbsserver"}
        """#)
    #expect(pod.metadata.annotations == ["pbs-connector/job-id": "5.pbsserver"])
    #expect(pod.metadata.labels == nil)
    #expect(try Self.received(pod) == pod)
  }

  @Test func annotationsOfOursThatAreTooLargeAreLeftOutAndNamed() throws {
    let pod = try Pod.with(
      metadata: #"""
        , "annotations": {"pbs-connector/job-id": "\#(String(repeating: "5", count: 5000))"}
        """#)
    #expect(pod.metadata.annotations == nil)
    #expect(try Self.received(pod).oversized == ["metadata.annotations"])
  }

  @Test func onlyTheConditionsThatCountArePassedOnAndNotAllOfTheirWords() throws {
    let pod = try Pod.with(
      status: #"""
        {"phase": "Pending", "conditions": [
          {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
           "message": "\#(String(repeating: "e\u{301}", count: 50_000))"},
          {"type": "example.com/Mine", "status": "True"}, {"type": "Ready", "status": "False"}]}
        """#)
    #expect(pod.status?.conditions?.map(\.type) == ["PodScheduled", "Ready"])
    #expect(pod.status?.conditions?.first?.message?.unicodeScalars.count == 1024)
  }

  @Test func onlyHostPortsArePassedOn() throws {
    let pod = try Pod.with(
      spec: #"""
        "containers": [{"name": "a", "ports": [{"containerPort": 80}, {"hostPort": 0}]},
                       {"name": "b", "ports": [{"containerPort": 80, "hostPort": 8080}]}]
        """#)
    #expect(pod.spec.containers.map { $0.ports?.map(\.hostPort) } == [nil, [8080]])
  }

  @Test func theNamesOfItsClaimsArePassedOn() throws {
    let pod = try Pod.with(
      spec: #"""
        "containers": [{"name": "a"}],
        "volumes": [{"name": "tmp", "emptyDir": {}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "c", "readOnly": true}},
                    {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]
        """#)
    #expect(pod.claimNames == ["c", "redis-scratch"])
    #expect(try Self.received(pod) == pod)
    #expect(
      String(decoding: try Self.encoded(pod), as: UTF8.self).contains(
        #""volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"c"}},{"ephemeral":{},"name":"scratch"}]"#
      ))
  }

  @Test(arguments: [
    (#""os": {"name": "windows"}"#), (#""schedulingGroup": {"podGroupName": "workers"}"#),
    (#""schedulingGroup": {}"#), (#""workloadRef": {"name": "w"}"#),
    (#""affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}"#),
    (#""affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]}}}"#),
  ])
  func whatCountsArrives(_ member: String) throws {
    let pod = try Pod.with(spec: Self.container + ", " + member)
    #expect(pod != (try Pod.with(spec: Self.container)))
    #expect(try Self.received(pod) == pod)
  }

  // MARK: Origin

  private static func entry(_ fields: String) -> String {
    #"{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": \#(fields)}"#
  }

  /// managedFields, and what they tell: created with a nodeName, the job's id written by a request.
  static let origins: [(String, Bool?, Bool?)] = [
    ("", nil, nil),
    (#", "managedFields": null"#, nil, nil),
    (#", "managedFields": []"#, false, false),
    (#", "managedFields": [{"manager": "m"}]"#, false, false),
    (#", "managedFields": [\#(entry(#"{"f:spec": {"f:containers": {}}}"#))]"#, false, false),
    (#", "managedFields": [\#(entry(#"{"f:spec": {"f:nodeName": {}}}"#))]"#, true, false),
    (
      #", "managedFields": [\#(entry(#"{"f:metadata": {"f:annotations": {".": {}, "f:a": {}}}}"#))]"#,
      false, false
    ),
    (
      #", "managedFields": [\#(entry(#"{"f:status": {}}"#)), \#(entry(#"{"f:metadata": {"f:annotations": {".": {}, "f:pbs-connector/job-id": {}}}}"#))]"#,
      false, true
    ),
  ]

  @Test(arguments: origins)
  func aPodsOriginIsReadFromItsManagedFields(
    _ fields: String, _ createdBound: Bool?, _ jobID: Bool?
  ) throws {
    let pod = try Pod.with(metadata: fields)
    #expect(pod.metadata.createdBound == createdBound)
    #expect(pod.metadata.jobIDWrittenByUser == jobID)
    #expect(pod.metadata.resized == nil)
    #expect(try Self.received(pod) == pod)
  }

  @Test func thatAPodWasResizedIsReadFromItsManagedFields() throws {
    let pod = try Pod.with(
      metadata:
        #", "managedFields": [{"manager": "m", "subresource": "status"}, {"manager": "m", "subresource": "resize"}]"#
    )
    #expect(pod.metadata.resized == true)
    #expect(try Self.received(pod) == pod)
  }
}
