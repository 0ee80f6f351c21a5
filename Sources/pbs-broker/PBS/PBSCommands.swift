import FoundationEssentials
import Glibc
import Logging
import Messages
import Runtime
import Text

/// PBS by its commands. What each costs in connections stands in docs/operations.md.
@EventLoop
final class PBSCommands: PBSBackend {
  /// Ids in one qstat, which is one connection. A real one was seen to take 3,000.
  nonisolated static let batch = 1000
  /// Jobs from which on their ids alone are listed, which costs a second connection but spares the
  /// server from telling all of each.
  private static let longListing = 2000
  /// Exit statuses of PBS's commands, which are PBS's error codes modulo 256
  /// (pbs_error.h: PBSE_UNKJOBID 15001, PBSE_HISTJOBID 15139).
  private static let unknownJob: Int32 = 15001 & 0xff
  private static let finishedJob: Int32 = 15139 & 0xff
  /// Seconds between looks while jobs are about to start; and when that has gone on for a while.
  private nonisolated static let quickly = LookPace(first: 0.25, second: 0.5)
  /// Connections for looks below which PBS is not looked at faster than usual.
  private static let reserve = 10

  let users: SubmittingUsers
  /// Jobs are listed by their proof of submission, whosever they are, where there are others' jobs.
  private let byProof: Bool
  /// There are jobs of other users with proof; nil while that is not known.
  private var hasOthers: Bool?
  private let placeholder: [String]
  let runner: PBSCommandRunner
  private let log: Logger
  let complaints: Complaints
  /// `qstat -x` tells of ended jobs as well; it says nothing where PBS keeps no history.
  private var history = ["-x"]
  /// What PBS calls its jobs after their number: its server's name.
  private var servers: Set<String> = []
  private var listsIDsOnly = false

  /// - Parameters:
  ///   - users: whose jobs can be submitted.
  ///   - byProof: whether jobs are ours by their proof of submission, whosever they are.
  ///   - placeholder: the program, with arguments, that a pod's job runs.
  ///   - timeout: seconds that a command may take. A busy server answers late, a dead host never.
  ///   - connectionsPerMinute: the most that all commands together make; see ``ConnectionBudget``.
  init(
    _ installation: PBSInstallation, users: SubmittingUsers, byProof: Bool = false,
    placeholder: [String], timeout: Double = 60, connectionsPerMinute: Int = 120,
    program: String = "/proc/self/exe", clock: any Clock, log: Logger
  ) {
    self.users = users
    self.byProof = byProof
    self.placeholder = placeholder
    self.log = log
    complaints = Complaints(log: log)
    runner = PBSCommandRunner(
      installation, environment: PBSInstallation.environment, timeout: timeout,
      connectionsPerMinute: connectionsPerMinute, program: program, leastUID: users.leastUID,
      clock: clock, log: log)
  }

  func connections(for use: ConnectionUse) -> (made: Int, most: Int)? {
    runner.connections(for: use)
  }

  func connectionsLeft(for use: ConnectionUse) -> Int { runner.connectionsLeft(for: use) }

  /// Each look takes connections: what is looked at in haste now would have to wait in a moment.
  var pace: LookPace {
    connectionsLeft(for: .look) < Self.reserve
      ? LookPace(first: .infinity, second: .infinity) : Self.quickly
  }

  /// Commands are asked about single jobs.
  func changes() async throws(PBSError) -> JobStat? { nil }

  func turn(for use: ConnectionUse) async { await runner.turn(for: use) }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    let arguments = try QsubArguments.arguments(for: job, placeholder: placeholder)
    let user = try await users.other(job.user)
    if user != nil { hasOthers = true }
    let result = try await runner.run("qsub", arguments, for: .action, as: user)
    guard result.status == 0 else { throw failure("qsub", result) }
    guard let id = PBSText.submittedJob(result.standardOutput) else {
      let words = String(decoding: result.standardOutput.prefix(200), as: UTF8.self)
      throw .unavailable("qsub printed no job id: \(words.trimmingWhitespace())")
    }
    if let user {
      // What another user's command prints is his to write: it does not say which servers are ours.
      try await learnServer()
      guard isOurs(id.description) else {
        throw .unavailable("qsub of user \(user.name) printed the id of another server's job")
      }
    } else {
      servers.insert(id.server)
    }
    return id.description
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await learnServer()
    guard isOurs(id) else { throw .refused("\(id) is no job of this PBS server") }
    // One id a command: a pbs_server 23.06.06 was seen to crash on `qdel HELD UNKNOWN UNKNOWN`.
    let result = try await runner.run(
      "qdel", (force ? ["-W", "force"] : []) + [id], for: .action,
      as: try await users.actor(for: owner))
    // Of a job that it does not know, qdel asks a second time where it may be.
    if result.status == Self.unknownJob { runner.add(1, for: .action) }
    guard ![0, Self.unknownJob, Self.finishedJob].contains(result.status) else { return }
    throw failure("qdel", result)
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    try await learnServer()
    guard isOurs(id) else { throw .refused("\(id) is no job of this PBS server") }
    let (command, arguments) =
      switch change {
      case .alter(let attributes): ("qalter", try PBSAlteration.arguments(attributes, of: id))
      case .move(let queue): ("qmove", [queue, id])
      case .hold: ("qhold", ["-h", "u", id])
      case .release: ("qrls", ["-h", "u", id])
      case .deleteMoved: ("qdel", ["-x", id])
      }
    let result = try await runner.run(
      command, arguments, for: .action, as: try await users.actor(for: owner))
    if result.status == Self.unknownJob { runner.add(1, for: .action) }
    guard result.status == 0 else { throw failure(command, result) }
  }

  // MARK: Looking at jobs

  func list(telling _: Set<String>) async throws(PBSError) -> JobListing {
    try await learnServer()
    if byProof, hasOthers != false {
      if let proven = try await listProven() { return proven }
      hasOthers = false
    }
    return listsIDsOnly ? try await listIDs() : try await listTable()
  }

  /// Jobs with proof of submission.
  /// - Returns: nil where the server does not know what that is, or they are all our user's, of whom
  ///   one command tells more.
  private func listProven() async throws(PBSError) -> JobListing? {
    // Any text: what has no such resource counts as less than all.
    let proven = ["-l", "k8s_pod.ge.0"]
    let all: Set<String>
    do throws(PBSError) {
      all = try await select(proven)
    } catch {
      guard error.description.contains("Unknown resource") else { throw error }
      return nil
    }
    if hasOthers == nil {
      hasOthers = try await !all.isSubset(of: select(["-u", user]))
      if hasOthers == false { return nil }
    }
    let running = try await select(proven + ["-s", "R"])
    return JobListing(all: ours(all.union(running)), running: ours(running))
  }

  private func listTable() async throws(PBSError) -> JobListing {
    let result = try await runner.run("qstat", ["-w", "-u", user], for: .look)
    guard result.status == 0 else { throw failure("qstat", result) }
    guard let table = JobTable(result.standardOutput) else {
      throw .unavailable("qstat printed something else than a table of jobs")
    }
    if table.hasShortenedIDs {
      log.notice(
        "qstat shortens the ids of jobs: they are listed by qselect, which takes two commands")
      listsIDsOnly = true
      return try await listIDs()
    }
    listsIDsOnly = table.jobs.count > Self.longListing
    let running = table.states.filter { $0.value == .running }.keys
    return JobListing(
      all: ours(table.jobs), running: ours(Set(running)),
      states: table.states.filter { isOurs($0.key) })
  }

  private func listIDs() async throws(PBSError) -> JobListing {
    // All first: a job that starts between two looks is then seen in the later one.
    let all = try await select(["-u", user])
    let running = try await select(["-u", user, "-s", "R"])
    return JobListing(all: ours(all.union(running)), running: ours(running))
  }

  private func select(_ arguments: [String]) async throws(PBSError) -> Set<String> {
    let result = try await runner.run("qselect", arguments, for: .look)
    guard result.status == 0 else { throw failure("qselect", result) }
    guard let ids = PBSText.listedJobs(result.standardOutput) else {
      throw .unavailable("qselect printed something else than job ids")
    }
    return ids
  }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    try await learnServer()
    var stat = JobStat(jobs: [], unknown: [])
    let ours = ours(Set(ids))
    stat.unreadable = Set(ids).subtracting(ours)
    for batch in ours.sorted().chunked(Self.batch) {
      let (answer, isRefused) = try await ask(batch)
      guard isRefused || !answer.told.isEmpty else {
        throw .unavailable("qstat said nothing of \(batch.count) jobs, \(batch[0]) the first")
      }
      stat.add(answer)
      let missing = Set(batch).subtracting(answer.told)
      if isRefused {
        stat.unknown.formUnion(missing)
      } else if !missing.isEmpty {
        try await confirm(missing, in: &stat)
      }
    }
    for id in stat.unreadable {
      complaints.say(of: id, "PBS says nothing of it that can be read; it counts as unchanged")
    }
    for job in stat.jobs { complaints.end(of: job.id) }
    if byProof, stat.jobs.contains(where: { $0.proof != nil && !$0.isOwned(by: user) }) {
      hasOthers = true
    }
    return stat
  }

  /// Asks for jobs that a longer answer left out. Only PBS's own word that it knows none of them
  /// counts, not a gap: qstat is silent about unknown jobs among known ones.
  private func confirm(_ missing: Set<String>, in stat: inout JobStat) async throws(PBSError) {
    let (answer, isRefused) = try await ask(missing.sorted())
    stat.add(answer)
    let rest = missing.subtracting(answer.told)
    if isRefused { stat.unknown.formUnion(rest) } else { stat.unreadable.formUnion(rest) }
  }

  /// One qstat for some jobs.
  /// - Returns: what it told, and whether the server knows none of them: it refuses a list of ids
  ///   only when there is no job for any of them (OpenPBS, req_stat_job), and qstat then names the
  ///   last one.
  private func ask(_ ids: [String]) async throws(PBSError) -> (QstatAnswer, isRefused: Bool) {
    var result = try await runner.run("qstat", history + ["-E", "-f", "-w"] + ids, for: .look)
    if !result.standardError.isEmpty,
      result.words.contains("not configured to maintain job history")
    {
      // Without history PBS forgets a job at its end: then that it is unknown is its last word.
      if !history.isEmpty { log.notice("PBS keeps no job history: why a job ended is not known") }
      history = []
      result = try await runner.run("qstat", ["-E", "-f", "-w"] + ids, for: .look)
    }
    if result.status == Self.unknownJob { runner.add(1, for: .look) }
    guard [0, Self.unknownJob].contains(result.status) else { throw failure("qstat", result) }
    guard !PBSText.isCut(result.standardOutput) else {
      throw .unavailable("qstat's answer was cut off")
    }
    let answer = QstatAnswer(result.standardOutput, asked: Set(ids))
    for stranger in answer.strangers {
      complaints.say(of: stranger, "qstat tells of it without having been asked, which is ignored")
    }
    let isRefused = result.status == Self.unknownJob && answer.told.isEmpty
    guard isRefused else { return (answer, false) }
    let named = result.words.firstRange(of: "Unknown Job Id ").map {
      String(result.words[$0.upperBound...].prefix { $0 != " " && $0 != ";" })
    }
    guard let named, ids.contains(named) else { throw failure("qstat", result) }
    return (answer, true)
  }

  /// PBS's commands turn to the host that a job's id names. So an id of another server is never given
  /// to them, whoever made it up; jobs that were moved here from elsewhere have such ids, too.
  private func learnServer() async throws(PBSError) {
    if servers.isEmpty { servers = [try await server()] }
  }

  private func isOurs(_ id: String) -> Bool {
    guard let parsed = JobID(id), parsed.description == id else { return false }
    return servers.contains(parsed.server)
  }

  private func ours(_ ids: Set<String>) -> Set<String> {
    ids.filter { id in
      if isOurs(id) { return true }
      complaints.say(of: id, "no job of this PBS server, and left alone")
      return false
    }
  }

  func failure(_ command: String, _ result: CommandResult) -> PBSError {
    let words = result.standardError.isEmpty ? "" : result.words
    let meaning = PBSAnswer.meaning(status: result.status, words: words)
    return PBSError(command: command, meaning, status: result.status, words: words)
  }
}

extension JobStat {
  fileprivate mutating func add(_ answer: QstatAnswer) {
    jobs += answer.jobs
    unreadable.formUnion(answer.unreadable)
  }
}
