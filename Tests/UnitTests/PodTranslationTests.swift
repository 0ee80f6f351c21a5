import Testing

@testable import Shared
@testable import pbs_broker

/// DESIGN.md, invariant 8: a constraint that PBS cannot honour is never ignored.
@Suite struct PodTranslationTests {
  static let container =
    #""containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "640Mi"}}}]"#

  private static func job(
    _ pod: Pod, resources: [String: String] = [:], queue: String? = nil,
    defaults: [String: String] = [:],
    hosts: [String: String] = ["node1": "node1", "node2.site": "node2"]
  ) throws -> JobDescription {
    let policy = TranslationPolicy(
      defaults: try defaults.mapValues { try Quantity($0) }, resources: resources, queue: queue)
    return try PodTranslation.job(for: pod, policy: policy, hostOf: { hosts[$0] })
  }

  @Test func aPodBecomesAJob() throws {
    #expect(
      try Self.job(.with(spec: Self.container))
        == JobDescription(
          name: "redis", chunks: [.init(ncpus: 1, memory: 671_088_640, host: nil, others: [:])],
          walltime: nil,
          queue: nil,
          environment: [
            ("KUBERNETES_POD_UID", "uid-1"), ("KUBERNETES_POD_NAME", "redis"),
            ("KUBERNETES_POD_NAMESPACE", "default"),
          ]))
  }

  /// Members of the spec, and the select.
  @Test(arguments: [
    (Self.container, "1:ncpus=1:mem=640mb"),
    (#""containers": [{"name": "a"}]"#, "1:ncpus=1:mem=256mb"),
    (
      #""containers": [{"name": "a", "resources": {"requests": {"cpu": "300m"}}}, {"name": "b", "resources": {"requests": {"cpu": "300m"}}}]"#,
      "1:ncpus=1:mem=512mb"
    ),
    (
      #""containers": [{"name": "a", "resources": {"requests": {"cpu": "1001m", "memory": "100M"}}}]"#,
      "1:ncpus=2:mem=97657kb"
    ),
    (
      #""containers": [{"name": "a", "resources": {"limits": {"cpu": "3", "memory": "700Mi"}}}]"#,
      "1:ncpus=3:mem=700mb"
    ),
    (
      #""containers": [{"name": "a"}], "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "4"}}}]"#,
      "1:ncpus=4:mem=256mb"
    ),
    (Self.container + #", "overhead": {"cpu": "250m", "memory": "120Mi"}"#, "1:ncpus=2:mem=760mb"),
    (
      Self.container + #", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}"#,
      "1:ncpus=2:mem=1024mb"
    ),
    (
      Self.container + #", "nodeSelector": {"kubernetes.io/hostname": "node1"}"#,
      "1:ncpus=1:mem=640mb:host=node1"
    ),
    (
      Self.container + #", "nodeSelector": {"kubernetes.io/hostname": "node2.site"}"#,
      "1:ncpus=1:mem=640mb:host=node2"
    ),
    (
      #""containers": [{"name": "a", "resources": {"requests": {"cpu": "0", "memory": "0"}}}]"#,
      "1:ncpus=0:mem=0mb"
    ),
  ])
  func asksForWhatThePodNeeds(_ spec: String, _ select: String) throws {
    let job = try Self.job(.with(spec: spec), defaults: ["cpu": "1", "memory": "256Mi"])
    #expect(job.select == select)
  }

  /// activeDeadlineSeconds counts from the pod's start, as walltime from the job's.
  @Test(arguments: [("", nil), (#", "activeDeadlineSeconds": 3600"#, 3600)])
  func theDeadlineIsTheWalltime(_ member: String, _ walltime: Int?) throws {
    #expect(try Self.job(.with(spec: Self.container + member)).walltime == walltime)
  }

  @Test func theQueueIsThePolicys() throws {
    #expect(try Self.job(.with(spec: Self.container), queue: "pods").queue == "pods")
  }

  @Test func otherResourcesAreMapped() throws {
    let spec = #"""
      "containers": [{"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1Mi", "nvidia.com/gpu": "2"}}},
                     {"name": "b", "resources": {"limits": {"cpu": "1", "memory": "1Mi", "amd.com/gpu": "1"}}}]
      """#
    let job = try Self.job(
      .with(spec: spec), resources: ["nvidia.com/gpu": "ngpus", "amd.com/gpu": "ngpus"])
    #expect(job.select == "1:ncpus=2:mem=2mb:ngpus=3")
  }

  @Test func otherResourcesOfZeroNeedNoCounterpart() throws {
    let spec =
      #""containers": [{"name": "a", "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": "0"}}}]"#
    #expect(try Self.job(.with(spec: spec)).select == "1:ncpus=1")
  }

  /// Kubernetes accepts any one quantity; nothing that a pod asks for may end the broker.
  @Test func moreThanThereIsAnywhereIsAskedForAndNotACrash() throws {
    let spec = #"""
      "containers": [{"name": "a", "resources": {"limits": {"cpu": "9E", "memory": "7Ei", "x.com/a": "9E"}}},
                     {"name": "b", "resources": {"limits": {"cpu": "9E", "memory": "7Ei", "x.com/b": "9E"}}}]
      """#
    let job = try Self.job(.with(spec: spec), resources: ["x.com/a": "x", "x.com/b": "x"])
    #expect(job.select == "1:ncpus=\(Int.max):mem=8796093022208mb:x=\(Int.max)")
  }

  /// PBS refuses longer names ("qsub: Job name is too long").
  @Test(arguments: [1, 229, 230, 231, 253])
  func theNameIsThePodsUpToPBSsLimit(_ length: Int) throws {
    var long = try Pod.with(spec: Self.container)
    long.metadata.name = String(repeating: "a", count: length)
    let job = try Self.job(long)
    #expect(job.name == String(repeating: "a", count: min(length, 230)))
    #expect(
      job.environment.contains {
        $0.name == "KUBERNETES_POD_NAME" && $0.value == long.metadata.name
      })
  }

  /// Members of the spec, and the words of the refusal, which name the thing.
  @Test(arguments: [
    (#""nodeSelector": {"disk": "ssd"}"#, "nodeSelector disk cannot be honoured by PBS"),
    (
      #""nodeSelector": {"kubernetes.io/hostname": "nowhere"}"#,
      "nodeSelector kubernetes.io/hostname: no node nowhere that is a host of PBS"
    ),
    (
      #""affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}"#,
      "required nodeAffinity cannot be honoured by PBS"
    ),
    (
      #""affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}"#,
      "required podAffinity cannot be honoured by PBS"
    ),
    (
      #""affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}"#,
      "required podAntiAffinity cannot be honoured by PBS"
    ),
    (
      #""topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]"#,
      "topologySpreadConstraint zone cannot be honoured by PBS"
    ),
    (#""resourceClaims": [{"name": "gpu"}]"#, "resourceClaim gpu cannot be honoured by PBS"),
    (
      #""initContainers": [{"name": "i", "ports": [{"hostPort": 0}, {"hostPort": 80}]}]"#,
      "hostPort 80 of container i cannot be honoured by PBS"
    ),
    (
      #""initContainers": [{"name": "i", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]"#,
      "the resource nvidia.com/gpu has no counterpart in PBS (pbs-broker.resources)"
    ),
    (
      #""initContainers": [{"name": "i", "resources": {"limits": {"memory": "lots"}}}]"#,
      #"container i requests memory "lots" is not a quantity"#
    ),
  ])
  func refusesByName(_ member: String, _ words: String) throws {
    let pod = try Pod.with(spec: Self.container + ", " + member)
    let refusal = #expect(throws: Refusal.self) { try Self.job(pod) }
    #expect(refusal?.description == words)
  }

  /// What only expresses a wish is no constraint.
  @Test(arguments: [
    #""affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}"#,
    #""affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}"#,
    #""topologySpreadConstraints": [{"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]"#,
    #""initContainers": [{"name": "i", "ports": [{"containerPort": 80}]}]"#,
  ])
  func aWishIsNoConstraint(_ member: String) throws {
    #expect(
      try Self.job(.with(spec: Self.container + ", " + member)).select == "1:ncpus=1:mem=640mb")
  }
}
