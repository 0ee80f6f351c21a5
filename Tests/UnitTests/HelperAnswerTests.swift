import Testing

@testable import pbs_broker

/// What a helper answers, as octets: a helper that acts as another user is in his hands.
@Suite struct HelperAnswerTests {
  private static let waiting = PBSText.Object(
    name: "5.pbsserver",
    attributes: [
      "job_state": "Q", "substate": "10", "comment": "Not Running: é", "Job_Owner": "alice@host",
      "Variable_List": #"PBS_O_HOME=/h\,ome,KUBERNETES_POD_UID=u-1,KUBERNETES_POD_NAME=redis"#,
      "Resource_List.select": "1:ncpus=1", "Resource_List.walltime": "01:00:00",
      "Hold_Types": "n", "mtime": "100",
    ], isWhole: true)
  private static let running = PBSText.Object(
    name: "6.pbsserver",
    attributes: [
      "job_state": "R", "substate": "42", "exec_host": "node1/0", "run_count": "1",
      "exec_vnode": "(node1:ncpus=1:mem=1024kb)", "Job_Name": "redis",
    ], isWhole: true)

  private static func octets(_ write: (inout FlatWriter) -> Void) -> [UInt8] {
    var writer = FlatWriter()
    write(&writer)
    return writer.octets
  }

  private static func read(
    _ octets: [UInt8], of content: HelperAnswer.Content = .jobs
  ) throws(FlatError) -> HelperAnswer {
    var answer = HelperAnswer()
    var failure: FlatError?
    octets.withUnsafeBytes { octets in
      do throws(FlatError) {
        try answer.read(octets, of: content)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return answer
  }

  private static let jobs = octets { writer in
    writer.add(HelperAnswer.Part.fresh)
    for job in [waiting, running] {
      writer.add(HelperAnswer.Part.job)
      writer.add(job: job)
    }
    writer.add(HelperAnswer.Part.gone)
    writer.add("4.pbsserver")
    writer.add(HelperAnswer.Part.last)
  }

  @Test func jobsArriveAsTheyAre() throws {
    let answer = try Self.read(Self.jobs)
    #expect(answer.isFresh && answer.isLast && answer.gone == ["4.pbsserver"])
    #expect(answer.unreadable.isEmpty && answer.failure == nil)
    #expect(answer.jobs == [try #require(Job(Self.waiting)), try #require(Job(Self.running))])
    #expect(answer.jobs.first?.pod?.uid == "u-1" && answer.jobs.first?.comment == "Not Running: é")
    #expect(answer.jobs.first?.terms?.values["Resource_List.walltime"] == "01:00:00")
    #expect(answer.jobs.last?.chunks.first?.resources == ["ncpus": "1", "mem": "1024kb"])
    // What a job asked for does not matter any more when it runs.
    #expect(answer.jobs.last?.terms == nil)
  }

  @Test func anAnswerMayComeInSeveralFrames() throws {
    let parts = [Self.waiting, Self.running].map { job in
      Self.octets { writer in
        writer.add(HelperAnswer.Part.job)
        writer.add(job: job)
      }
    }
    var answer = HelperAnswer()
    for part in parts + [[HelperAnswer.Part.last.rawValue]] {
      #expect(!answer.isLast)
      try part.withUnsafeBytes { try answer.read($0, of: .jobs) }
    }
    #expect(answer.isLast && answer.jobs.map(\.id) == ["5.pbsserver", "6.pbsserver"])
  }

  @Test func aJobThatIsNotWholeIsNeitherThereNorGone() throws {
    let octets = Self.octets { writer in
      var job = Self.waiting
      job.isWhole = false
      writer.add(HelperAnswer.Part.job)
      writer.add(job: job)
      job = Self.running
      job.attributes["exec_vnode"] = "node1"
      writer.add(HelperAnswer.Part.job)
      writer.add(job: job)
      writer.add(HelperAnswer.Part.last)
    }
    let answer = try Self.read(octets)
    #expect(answer.jobs.isEmpty && answer.unreadable == ["5.pbsserver", "6.pbsserver"])
  }

  @Test(arguments: [(15007, "Unauthorized Request "), (0, ""), (-1, "é")])
  func failuresArriveWithTheirNumbers(_ code: Int, _ words: String) throws {
    let failure = LibraryFailure(kind: .answered, code: code, words: words)
    let octets = Self.octets { writer in
      writer.add(failure)
      writer.add(HelperAnswer.Part.last)
    }
    #expect(try Self.read(octets, of: .nothing).failure == failure)
  }

  @Test func longWordsAreCut() throws {
    let failure = LibraryFailure(
      kind: .broken, code: 1, words: String(repeating: "é", count: 100_000))
    let octets = Self.octets { writer in
      writer.add(failure)
      writer.add(HelperAnswer.Part.last)
    }
    let words = try #require(try Self.read(octets, of: .job).failure).words
    #expect(words.utf8.count <= HelperAnswer.longestWords && words.hasPrefix("éé"))
  }

  // MARK: Hostile ones

  /// A frame that was cut ends the helper, or is one that tells less.
  @Test func aCutFrameIsNoOther() throws {
    let whole = try Self.read(Self.jobs)
    for count in 0..<Self.jobs.count {
      guard let answer = try? Self.read(Array(Self.jobs.prefix(count))) else { continue }
      #expect(!answer.isLast, "\(count) octets")
      #expect(whole.jobs.starts(with: answer.jobs) && whole.gone.starts(with: answer.gone))
    }
  }

  /// Octets that somebody has changed are refused or read, and lead nowhere else.
  @Test func changedOctetsNeverCrash() {
    let seed = Seed.forTest("HelperAnswer, changed octets")
    var random = SeededGenerator(seed: seed)
    var readable = 0
    for _ in 0..<20_000 {
      var octets = Self.jobs
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let index = octets.indices.randomElement(using: &random) ?? 0
        octets[index] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
          .randomElement(using: &random) ?? 0
      }
      if let answer = try? Self.read(octets) {
        readable += 1
        #expect(answer.jobs.count + answer.unreadable.count <= octets.count / 7, "seed \(seed)")
      }
    }
    #expect(readable > 0)
  }

  @Test(arguments: [
    // A length beyond the end, and one that would be negative.
    ([3, 0xFF, 0xFF, 0xFF, 0x7F, 0x41], FlatError.cut), ([3, 0xFF, 0xFF, 0xFF, 0xFF, 0x41], .cut),
    ([3, 1, 0], .cut), ([1], .cut), ([99], .unknown(99)), ([0], .unknown(0)),
    // A job with a field that nobody knows; what follows the end.
    ([1, 0, 0, 0, 0, 200], .unknown(200)), ([7, 7], .unexpected("what follows")),
  ])
  func whatIsNoAnswerIsRefused(_ octets: [UInt8], _ error: FlatError) {
    #expect(throws: error) { try Self.read(octets) }
  }

  /// Whoever was asked to submit or to delete tells of nothing else, and only once.
  @Test func whatWasNotAskedForIsRefused() {
    let id = Self.octets { writer in
      writer.add(HelperAnswer.Part.submitted)
      writer.add("5.pbsserver")
      writer.add(HelperAnswer.Part.last)
    }
    #expect((try? Self.read(id, of: .job))?.job == "5.pbsserver")
    for content in [HelperAnswer.Content.nothing, .jobs, .objects] {
      #expect(throws: FlatError.unexpected("a job's id")) { try Self.read(id, of: content) }
    }
    for content in [HelperAnswer.Content.nothing, .job] {
      #expect(throws: FlatError.self) { try Self.read(Self.jobs, of: content) }
      #expect(throws: FlatError.cut) {
        try Self.read([HelperAnswer.Part.fresh.rawValue], of: content)
      }
    }
    let long = Self.octets { writer in
      writer.add(HelperAnswer.Part.submitted)
      writer.add(String(repeating: "5", count: HelperAnswer.longestWords + 1))
    }
    #expect(throws: FlatError.tooLong(HelperAnswer.longestWords + 1)) {
      try Self.read(long, of: .job)
    }
  }

  // MARK: Requests

  private static let requests: [HelperRequest] = [
    .submit(
      attributes: [
        JobAttribute("Job_Name", "redis"), JobAttribute("Resource_List", "1", resource: "ncpus"),
        JobAttribute("Account_Name", ""),
      ], queue: "workq"),
    .submit(attributes: [], queue: nil), .delete(job: "5.s", force: true),
    .change(job: "5.s", .alter([JobAttribute("Priority", "5")])),
    .change(job: "5.s", .move(queue: "gpu")), .change(job: "5.s", .hold),
    .change(job: "5.s", .release), .change(job: "5.s", .deleteMoved),
    .list(.init(user: "pbs-broker", byProof: true), telling: ["5.s", "6.s"]),
    .changes(.init(user: "é")), .stat(["5.s"]), .server, .hosts, .queues,
    .setOffline(true, host: "node1", comment: "out of service"),
    .setResources(["ncpus": "4", "mem": "1gb"], vnode: "node1"),
  ]

  @Test(arguments: requests) func requestsArriveAsTheyAre(_ request: HelperRequest) throws {
    let octets = request.octets
    #expect(try octets.withUnsafeBytes { try HelperRequest($0) } == request)
    for count in 0..<octets.count {
      let part = Array(octets.prefix(count))
      #expect(throws: FlatError.self) { try part.withUnsafeBytes { try HelperRequest($0) } }
    }
    let more = octets + [0]
    #expect(throws: FlatError.self) { try more.withUnsafeBytes { try HelperRequest($0) } }
  }
}
