import Testing

@testable import Messages
@testable import pbs_broker

/// Whose a job is, by what only its owner's submission can have written.
@Suite struct JobOwnershipTests {
  private static let east = Cluster(id: "east", schedulerNames: ["batch", "pbs"])

  @Test(arguments: [
    (Job.with("1"), JobOwnership.ours),
    (.with("1", scheduler: "batch"), .ours),
    (.with("1", scheduler: nil), .ours),
    (.with("1", cluster: nil), .unmarked),
    (.with("1", cluster: nil, scheduler: nil), .unmarked),
    (.with("1", cluster: "west"), .foreign),
    (.with("1", cluster: "East"), .foreign),
    (.with("1", cluster: ""), .foreign),
    (.with("1", scheduler: "other"), .foreign),
    (.with("1", pod: nil), .foreign),
    (.with("1", owner: "mallory@host"), .foreign),
    (.with("1", owner: "pbs-broker2@host"), .foreign),
    (.with("1", owner: ""), .foreign),
    (.with("1", owner: "mallory@host", cluster: nil), .foreign),
  ])
  func whoseAJobIs(_ job: Job, _ ownership: JobOwnership) {
    #expect(JobOwnership.of(job, user: "pbs-broker", cluster: Self.east) == ownership)
  }

  @Test(arguments: [
    (Job.with("1"), JobOwnership.ours), (.with("1", cluster: "west"), .ours),
    (.with("1", cluster: nil), .unmarked), (.with("1", pod: nil), .foreign),
    (.with("1", owner: "mallory@host"), .foreign),
  ])
  func beforeTheClusterIsKnownNoJobIsAnothers(_ job: Job, _ ownership: JobOwnership) {
    #expect(JobOwnership.of(job, user: "pbs-broker", cluster: nil) == ownership)
  }

  /// A job whose variables name the pod uid-1 of the cluster "east", and what PBS's server vouches for.
  private static func proven(
    _ proof: String?, owner: String = "pbs-broker@host", pod: String? = "uid-1",
    cluster: String? = "east", scheduler: String? = "pbs"
  ) -> Job {
    var job = Job.with("1", owner: owner, pod: pod, cluster: cluster, scheduler: scheduler)
    job.proof = proof
    return job
  }

  @Test(arguments: [
    (proven("east/uid-1/default/redis"), JobOwnership.ours, "uid-1" as String?),
    // The variables are decoration, and so is the owner.
    (proven("east/uid-1/default/redis", pod: nil, cluster: nil, scheduler: nil), .ours, "uid-1"),
    (proven("east/uid-2/default/redis", cluster: "west"), .ours, "uid-2"),
    (proven("east/uid-1/default/redis", owner: "alice@host"), .ours, "uid-1"),
    (proven("west/uid-1/default/redis"), .foreign, "uid-1"),
    (proven("east/uid-1/default/redis", scheduler: "other"), .foreign, "uid-1"),
    (proven(nil), .unproven, "uid-1"),
    (proven(""), .unproven, "uid-1"), (proven("east/uid-2/default"), .unproven, "uid-1"),
    (proven("east/uid-2/default/redis/x"), .unproven, "uid-1"),
    (proven("east//default/redis"), .unproven, "uid-1"),
    (proven("east/uid-2/Default/redis"), .unproven, "uid-1"),
    (proven("east/uid-2/default/re\ndis"), .unproven, "uid-1"),
    (proven(nil, owner: "mallory@host"), .foreign, "uid-1"),
    (proven(nil, cluster: "west"), .foreign, "uid-1"),
    (proven(nil, cluster: nil), .foreign, "uid-1"),
    (proven(nil, pod: nil), .foreign, nil),
  ])
  func whereProofIsRequiredNothingElseCounts(
    _ told: Job, _ ownership: JobOwnership, _ pod: String?
  ) {
    let job = told.believed(by: .required)
    let answer = JobOwnership.of(
      job, user: "pbs-broker", reliance: .required, cluster: Self.east)
    #expect(answer == ownership && job.pod?.uid == pod)
    #expect(told.believed(by: .owner) == told)
  }

  @Test func whereTheOwnerCountsProofIsDecoration() {
    let job = Self.proven("west/uid-2/default/redis")
    #expect(JobOwnership.of(job, user: "pbs-broker", cluster: Self.east) == .ours)
    let posing = Self.proven("east/uid-1/default/redis", owner: "mallory@host")
    #expect(JobOwnership.of(posing, user: "pbs-broker", cluster: Self.east) == .foreign)
  }
}
