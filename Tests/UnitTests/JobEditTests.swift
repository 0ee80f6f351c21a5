import Testing

@testable import pbs_broker

/// Jobs that wait follow their pods, and PBS's side is followed where the pod has not changed.
struct JobEditTests {
  private static let submitted = JobDescription(
    name: "redis", chunks: [.init(ncpus: 2, memory: 640 << 20, host: nil, others: [:])],
    walltime: 3600, queue: nil, environment: [])

  private static func changed(_ change: (inout JobDescription) -> Void) -> JobDescription {
    var job = submitted
    change(&job)
    return job
  }

  /// What PBS tells of it while nobody has changed anything.
  private static let told = Job(
    PBSText.Object(
      name: "5.s",
      attributes: [
        "job_state": "Q", "Job_Name": "redis", "queue": "workq", "Priority": "0",
        "project": "_pbs_project_default",
        "Hold_Types": "n", "Resource_List.walltime": "01:00:00",
        "Resource_List.select": "1:ncpus=2:mem=640mb", "Resource_List.place": "pack",
        "Resource_List.ncpus": "2",
      ]))?.terms

  private static func plan(
    _ wanted: JobDescription, told: JobTerms? = told, asked: JobTerms? = nil, canMove: Bool = true
  ) -> JobEdit.Plan {
    var job = Job.with("5.s")
    job.toldTerms = told.map(ToldTerms.init)
    return JobEdit.plan(
      job, asked: asked ?? JobTerms(submitted), wanted: wanted, canMove: canMove)
  }

  private static func alters(_ wanted: JobDescription, _ attributes: JobAttribute...)
    -> JobEdit.Plan
  {
    .edit(JobEdit(job: "5.s", attributes: attributes, terms: JobTerms(wanted)))
  }

  struct Case: Sendable, CustomStringConvertible {
    var description: String
    var wanted: JobDescription
    /// The attribute, its resource, its new value.
    var attributes: [JobAttribute] = []
    var queue: String?
    var hold: Bool?
  }

  static let cases = [
    Case(description: "nothing has changed", wanted: submitted),
    Case(
      description: "a longer walltime, as PBS writes it", wanted: changed { $0.walltime = 90000 },
      attributes: [JobAttribute("Resource_List", "25:00:00", resource: "walltime")]),
    Case(
      description: "no walltime", wanted: changed { $0.walltime = nil },
      attributes: [JobAttribute("Resource_List", "", resource: "walltime")]),
    Case(
      description: "another place", wanted: changed { $0.place = "scatter" },
      attributes: [JobAttribute("Resource_List", "scatter", resource: "place")]),
    Case(
      description: "a larger pod",
      wanted: changed { $0.chunks[0].ncpus = 4 },
      attributes: [JobAttribute("Resource_List", "1:ncpus=4:mem=640mb", resource: "select")]),
    Case(
      description: "a licence", wanted: changed { $0.resources = ["matlab": "1"] },
      attributes: [JobAttribute("Resource_List", "1", resource: "matlab")]),
    Case(
      description: "several at once",
      wanted: changed {
        $0.name = "train"
        $0.account = "dep"
        $0.priority = 5
      },
      attributes: [
        JobAttribute("Account_Name", "dep"), JobAttribute("Job_Name", "train"),
        JobAttribute("Priority", "5"),
      ]),
    Case(
      description: "a priority that every job has", wanted: changed { $0.priority = 0 }),
    Case(description: "another queue", wanted: changed { $0.queue = "gpu" }, queue: "gpu"),
    Case(description: "the queue in which it is", wanted: changed { $0.queue = "workq" }),
    Case(description: "a hold", wanted: changed { $0.isHeld = true }, hold: true),
    Case(
      description: "a dependency, by job",
      wanted: changed {
        $0.depend = "after:4.s"
        $0.dependsOn = "after:pod/first"
      },
      attributes: [JobAttribute("depend", "after:4.s")]),
    Case(
      description: "another job of a pod that it depends on, as ever",
      wanted: changed { $0.depend = "after:4.s" }),
    Case(
      description: "a later begin", wanted: changed { $0.beginTime = 1_900_000_000 },
      attributes: [JobAttribute("Execution_Time", "1900000000")]),
  ]

  @Test(arguments: cases) func follows(_ item: Case) {
    let isNothing = item.attributes.isEmpty && item.queue == nil && item.hold == nil
    let edit = JobEdit(
      job: "5.s", attributes: item.attributes, queue: item.queue, hold: item.hold,
      terms: JobTerms(item.wanted))
    #expect(Self.plan(item.wanted) == (isNothing ? .none : .edit(edit)))
  }

  @Test func whatWasAskedIsTakenBack() {
    let asked = Self.changed {
      $0.isHeld = true
      $0.priority = 5
      $0.project = "climate"
      $0.place = "scatter"
      $0.beginTime = 1_900_000_000
    }
    let plan = Self.plan(Self.submitted, told: nil, asked: JobTerms(asked))
    #expect(
      plan
        == .edit(
          JobEdit(
            job: "5.s",
            attributes: [
              JobAttribute("Execution_Time", "86400"), JobAttribute("Priority", "0"),
              JobAttribute("Resource_List", "free", resource: "place"),
              JobAttribute("project", "_pbs_project_default"),
            ], hold: false, terms: JobTerms(Self.submitted))))
  }

  @Test(arguments: [
    ("queue", "the queue that is PBS's default"), ("group_list", "no group_list any more"),
    ("depend", "no depend any more"),
  ])
  func whatPBSCannotDoIsSubmittedAnew(_ name: String, _ words: String) {
    var asked = JobTerms(Self.submitted)
    asked.values[name] = "x"
    guard case .anew(let said) = Self.plan(Self.submitted, told: nil, asked: asked) else {
      Issue.record("it is not submitted anew")
      return
    }
    #expect(said.contains(words))
  }

  @Test func whatMayNotBeMovedIsSubmittedAnew() {
    let wanted = Self.changed { $0.queue = "gpu" }
    #expect(Self.plan(wanted, canMove: false) == .anew("its pod asks for the queue gpu"))
  }

  // MARK: PBS's side

  private static func told(_ name: String, _ value: String?) -> JobTerms {
    var terms = told ?? JobTerms()
    terms.values[name] = value
    return terms
  }

  @Test(arguments: [
    ("Resource_List.walltime", "02:00:00"), ("Priority", "100"), ("Job_Name", "renamed"),
    ("queue", "gpu"), ("Hold_Types", "u"), ("project", "climate"),
  ])
  func whatPBSsSideHasChangedIsFollowed(_ name: String, _ value: String) {
    let told = Self.told(name, value)
    let terms = JobTerms(Self.submitted)
    #expect(Self.plan(Self.submitted, told: told) == .none)
    #expect(JobEdit.settled(terms, told: told, wanted: terms) == terms)
    // So does a broker that meets the job later, whatever the pod has changed of the rest.
    let wanted = Self.changed { $0.account = "dep" }
    let met = JobEdit.met(terms, told: told, wanted: JobTerms(wanted))
    #expect(
      Self.plan(wanted, told: told, asked: met)
        == Self.alters(wanted, JobAttribute("Account_Name", "dep")))
  }

  @Test func whatThePodChangesAfterPBSsSideIsAskedFor() {
    let told = Self.told(JobTerms.walltime, "02:00:00")
    let wanted = Self.changed { $0.walltime = 1800 }
    #expect(
      Self.plan(wanted, told: told)
        == Self.alters(wanted, JobAttribute("Resource_List", "00:30:00", resource: "walltime")))
  }

  @Test func whatPBSHasAlreadyCountsAsAsked() {
    let told = Self.told(JobTerms.walltime, "02:00:00")
    let wanted = JobTerms(Self.changed { $0.walltime = 7200 })
    var asked = JobEdit.settled(JobTerms(Self.submitted), told: told, wanted: wanted)
    #expect(asked == wanted)
    // A manager's change on top of that is followed.
    asked = JobEdit.settled(asked, told: Self.told(JobTerms.walltime, "03:00:00"), wanted: wanted)
    #expect(asked == wanted)
  }

  @Test func aJobThatIsMetAfterItsPodHasChanged() {
    let wanted = Self.changed {
      $0.walltime = 60
      $0.priority = 5
    }
    let terms = JobTerms(Self.submitted)
    // While nobody looked only the pod has changed.
    let met = JobEdit.met(terms, told: Self.told, wanted: JobTerms(wanted))
    #expect(
      Self.plan(wanted, asked: met)
        == Self.alters(
          wanted, JobAttribute("Priority", "5"),
          JobAttribute("Resource_List", "00:01:00", resource: "walltime")))
    // Both have: nobody knows who was last.
    let told = Self.told(JobTerms.walltime, "02:00:00")
    let later = JobEdit.met(terms, told: told, wanted: JobTerms(wanted))
    #expect(
      Self.plan(wanted, told: told, asked: later)
        == Self.alters(wanted, JobAttribute("Priority", "5")))
    // Of a job of an older version nothing is known.
    #expect(JobEdit.met(nil, told: told, wanted: JobTerms(wanted)) == JobTerms(wanted))
  }

  // MARK: Terms

  @Test func termsAreReadAsTheyAreWritten() {
    let terms = JobTerms(
      Self.changed {
        $0.queue = "gpu"
        $0.dependsOn = "afterany:pod/a:5.s,after:pod/b"
        $0.resources = ["site": "a=b"]
      })
    #expect(
      terms.text
        == "Job_Name=redis Resource_List.select=1:ncpus=2:mem=640mb Resource_List.site=a=b Resource_List.walltime=3600 depend=afterany:pod/a:5.s,after:pod/b queue=gpu"
    )
    #expect(JobTerms(terms.text) == terms)
    #expect(JobTerms(nil as String?) == nil && JobTerms("") == nil && JobTerms("a b") == nil)
  }

  @Test(arguments: [
    ("Resource_List.walltime", "3600", "01:00:00", true),
    ("Resource_List.mem", "1gb", "1024mb", true),
    ("Resource_List.walltime", "3600", "01:00:01", false),
    ("Resource_List.x", "True", "true", true),
    ("Resource_List.select", "1:ncpus=2:mem=1gb", "1:mem=1024mb:ncpus=2", true),
    ("Resource_List.select", "1:ncpus=2", "1:ncpus=2:host=a", false),
    ("Resource_List.select", "1:ncpus=2", "2:ncpus=2", false), ("Job_Name", "a", "A", false),
  ])
  func valuesMeanTheSame(_ name: String, _ a: String, _ b: String, _ isSame: Bool) {
    #expect(JobTerms.isSame(name, a, b) == isSame)
  }

  // MARK: For PBS

  @Test func theOptionsOfQalter() throws {
    let arguments = try PBSAlteration.arguments(
      [
        JobAttribute("Resource_List", "01:00:00", resource: "walltime"),
        JobAttribute("Account_Name", ""), JobAttribute("Priority", "5"),
        JobAttribute("depend", "after:4.s"),
      ], of: "5.s")
    #expect(
      arguments == [
        "-l", "walltime=01:00:00", "-A", "", "-p", "5", "-W", "depend=after:4.s", "5.s",
      ])
    #expect(throws: PBSError.self) {
      try PBSAlteration.arguments([JobAttribute("Execution_Time", "x")], of: "5.s")
    }
  }

  @Test func whatAProofSigns() {
    let attributes = [
      JobAttribute("Resource_List", "25:00:00", resource: "walltime"),
      JobAttribute("Job_Name", "a"),
    ]
    #expect(
      PBSAlteration.signed(attributes, of: "5.s")
        == "alter 5.s Job_Name=a Resource_List.walltime=25:00:00")
    #expect(PBSAlteration.duration(90061) == "25:01:01")
  }
}
