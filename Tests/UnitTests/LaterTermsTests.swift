import Testing

@testable import pbs_broker

/// What changes for a job that waits when its namespace gets another user, or nodes get taints.
@Suite struct LaterTermsTests {
  private static func job(user: String? = nil, onlyHost: String? = nil) -> JobDescription {
    JobDescription(
      name: "redis", chunks: [.init(ncpus: 2, memory: 640 << 20, host: nil, others: [:])],
      environment: [], user: user, onlyHost: onlyHost)
  }

  // MARK: Whose it is

  @Test(arguments: [
    ("alice", "alice", "alice", nil), ("pbs-broker", nil, nil, nil),
    // Submitted before jobs said whose they are to be.
    ("alice", nil, "alice", nil),
    ("pbs-broker", nil, "alice", "the jobs of its namespace are PBS user alice's now"),
    ("alice", "alice", "bob", "the jobs of its namespace are PBS user bob's now"),
    ("alice", "alice", nil, "the jobs of its namespace are pbs-broker's own now"),
    // PBS's word for its owner is another: what we asked for counts, or it would never end.
    ("mapped", "alice", "alice", nil),
  ])
  func aJobThatWaitsIsItsNamespacesUsers(
    _ owner: String, _ asked: String?, _ wanted: String?, _ words: String?
  ) {
    var job = Job.with("5.s")
    job.owner = "\(owner)@host"
    let plan = JobEdit.plan(
      job, asked: JobTerms(Self.job(user: asked)), wanted: Self.job(user: wanted), canMove: true)
    #expect(plan == words.map { .anew($0) } ?? .none)
  }

  @Test func itSaysItselfWhoseItIs() {
    #expect(JobTerms(Self.job(user: "alice")).text.hasPrefix("Job_Name=redis Job_Owner=alice "))
    // What PBS tells has the host in it, and is not compared.
    let terms = JobTerms(Self.job(user: "alice"))
    var told = terms
    told.values[JobTerms.owner] = "alice@host"
    #expect(JobEdit.met(terms, told: told, wanted: terms) == terms)
  }

  // MARK: The only host without a taint

  private static func plan(_ wanted: JobDescription, asked: JobDescription) -> JobEdit.Plan {
    JobEdit.plan(
      Job.with("5.s"), asked: JobTerms(submitted: asked), wanted: wanted, canMove: true)
  }

  @Test func aJobThatWaitsIsNotAlteredSinceOneHostIsLeft() {
    let wanted = Self.job(onlyHost: "node1")
    #expect(Self.plan(wanted, asked: Self.job()) == .none)
    #expect(wanted.select == Self.job().select)
    #expect(wanted.submittedSelect == "\(Self.job().select):host=node1")
  }

  @Test(arguments: [nil, "node2"])
  func oneThatWasSubmittedForItIsFreedOnceItIsNotTheOnlyOne(_ other: String?) {
    let asked = Self.job(onlyHost: "node1")
    #expect(Self.plan(Self.job(onlyHost: "node1"), asked: asked) == .none)
    let wanted = Self.job(onlyHost: other)
    let select = JobAttribute("Resource_List", Self.job().select, resource: "select")
    #expect(
      Self.plan(wanted, asked: asked)
        == .edit(JobEdit(job: "5.s", attributes: [select], terms: JobTerms(wanted))))
    // It is freed for good.
    #expect(Self.plan(asked, asked: Self.job()) == .none)
  }

  @Test func whereThePodInsistsOnAHostThatOneStays() {
    var job = Self.job(onlyHost: "node1")
    job.chunks[0].host = "node2"
    #expect(job.submittedSelect == job.select)
  }
}
