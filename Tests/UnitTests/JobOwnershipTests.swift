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
}
