import Testing

@testable import Kubernetes
@testable import pbs_broker

/// What PBS says against a queue or a project that not all pods have is one pod's matter.
@Suite struct OwnTermsTests {
  private static func job(
    _ annotations: [String: String], queue: String? = nil
  ) throws -> JobDescription {
    var policy = try TranslationPolicy.usual()
    policy.base.options.queue = queue.map { Sourced(value: $0, source: "here") }
    policy.base.annotations.value = Dictionary(
      uniqueKeysWithValues: OptionKey.allCases.map { ($0, nil) })
    let metadata = ObjectMeta(
      name: "redis", namespace: "default", uid: "uid-1",
      annotations: Dictionary(
        uniqueKeysWithValues: annotations.map { ("pbs-connector/\($0.key)", $0.value) }))
    let pod = Pod(metadata: metadata, spec: PodSpec(containers: [Container(name: "a")]))
    return try PodTranslation.job(for: pod, in: TranslationContext(policy: policy))
  }

  @Test(arguments: [
    (["queue": "gpu"], true), (["reservation": "R1"], true), (["project": "p"], true),
    (["account": "a"], true), (["group": "g"], true), (["walltime": "1h", "priority": "5"], false),
    ([:], false), (["queue": "pods"], false),
  ])
  func areToldApart(_ annotations: [String: String], _ own: Bool) throws {
    #expect(try Self.job(annotations, queue: "pods").hasOwnTerms == own)
  }

  @Test(arguments: [
    (PBSError.limit("x"), PBSError.limit("x")), (.unauthorized("x"), .refused("x")),
    (.limit("qsub: Unknown queue"), .refused("qsub: Unknown queue")),
    (.refused("x"), .refused("x")), (.busy("x"), .busy("x")),
    (.unavailable("x"), .unavailable("x")),
  ])
  func areNoReasonForOthersToWait(_ answer: PBSError, _ meaning: PBSError) {
    #expect(answer.aboutOneJob == meaning)
  }
}
