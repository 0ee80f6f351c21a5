import Testing

@testable import Kubernetes
@testable import pbs_broker

/// DESIGN.md, invariant 8: a constraint that PBS cannot honour is never ignored.
@Suite struct PodTranslationTests {
  static let container =
    #""containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "640Mi"}}}]"#

  private static func job(
    _ pod: Pod, resources: [String: String] = [:], queue: String? = nil, cluster: String? = nil,
    margin: Int = 300
  ) throws -> JobDescription {
    var policy = try TranslationPolicy.usual(resources: resources)
    policy.base.options.queue = queue.map { Sourced(value: $0, source: "here") }
    policy.deadlineMargin = margin
    return try PodTranslation.job(
      for: pod, in: TranslationContext(policy: policy, cluster: cluster))
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
            ("KUBERNETES_POD_NAMESPACE", "default"), ("KUBERNETES_POD_SCHEDULER", "pbs"),
          ]))
  }

  @Test func theJobSaysWhoseItIs() throws {
    let job = try Self.job(.with(spec: Self.container), cluster: "8b6d-1")
    #expect(
      job.environment.map(\.name) == [
        "KUBERNETES_POD_UID", "KUBERNETES_POD_NAME", "KUBERNETES_POD_NAMESPACE",
        "KUBERNETES_CLUSTER", "KUBERNETES_POD_SCHEDULER",
      ])
    #expect(job.environment.contains { $0 == ("KUBERNETES_CLUSTER", "8b6d-1") })
  }

  /// The text of `qsub -v` is made of these: nothing but names gets there.
  @Test(arguments: [
    "", "a,b", "a\nJob Id: 1.pbsserver", "a b", "a'b", #"a"b"#, "a=b", "a\\b", "-a", "a-", ".a",
    "../a", "ä", String(repeating: "a", count: 300),
  ])
  func whatIsNoNameIsRefused(_ text: String) throws {
    var pod = try Pod.with(spec: Self.container)
    pod.metadata.name = text
    pod.metadata.namespace = text
    pod.metadata.uid = text
    pod.spec.schedulerName = "x" + text + "-"
    let refusal = #expect(throws: Refusal.self) { try Self.job(pod, cluster: text) }
    #expect(
      refusal?.causes
        == [
          "metadata.name", "metadata.namespace", "metadata.uid", "spec.schedulerName",
          "the cluster's identity",
        ].map { "\($0) is no name by Kubernetes' rules" })
  }

  /// kubelet ends the pod first, so the job may run longer than activeDeadlineSeconds.
  @Test(arguments: [
    ("", 300, nil), (#", "activeDeadlineSeconds": 3600"#, 300, 3900),
    (#", "activeDeadlineSeconds": 3600"#, 0, 3600), (#", "activeDeadlineSeconds": 1"#, -5, 1),
    (#", "activeDeadlineSeconds": 4294967295"#, 300, 4_294_967_295),
    (#", "activeDeadlineSeconds": 9223372036854775807"#, 300, 4_294_967_295),
  ])
  func theWalltimeIsTheDeadlineAndAMargin(
    _ member: String, _ margin: Int, _ walltime: Int?
  ) throws {
    #expect(
      try Self.job(.with(spec: Self.container + member), margin: margin).walltime == walltime)
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
    #expect(try Self.job(.with(spec: spec)).select == "1:ncpus=1:mem=256mb")
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

  /// What the pod needs at the least is the site's choice.
  @Test func theLeastIsThePolicys() throws {
    var policy = try TranslationPolicy.usual()
    policy.leastCPU = try Quantity("1500m")
    policy.leastMemory = try Quantity("1Gi")
    let job = try PodTranslation.job(
      for: .with(spec: Self.container), in: TranslationContext(policy: policy))
    #expect(job.select == "1:ncpus=2:mem=1024mb")
  }

  /// A node is not looked for among hosts that PBS has not named.
  @Test(arguments: [
    #""nodeSelector": {"kubernetes.io/hostname": "node1"}"#,
    #""nodeSelector": {"kubernetes.io/os": "linux"}"#,
  ])
  func whatIsOnANodeWaitsForPBSsHosts(_ member: String) throws {
    let pod = try Pod.with(spec: Self.container + ", " + member)
    let context = TranslationContext(
      hostMap: HostMap(nodes: [Node("node1", hostname: "node1")]))
    let refusal = #expect(throws: Refusal.self) { try PodTranslation.job(for: pod, in: context) }
    #expect(refusal?.description == "waits for PBS to name its hosts")
    #expect(refusal?.kind == .waits)
    #expect(refusal?.dependsOnHosts == true)
  }

  /// Where nobody tells of volume claims, none is waited for.
  @Test func withoutWordOfClaimsNoneCounts() throws {
    let pod = try Pod.with(
      spec: Self.container
        + #", "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]"#)
    #expect(try Self.job(pod).select == "1:ncpus=1:mem=640mb")
  }
}
