import FoundationEssentials
import Glibc
import Logging
import Messages
import Runtime

/// PBS by its library, in a helper process that keeps one connection. No look costs a port.
@EventLoop
final class LibPBS: PBSBackend {
  /// Ids in one pbs_statjob.
  private nonisolated static let batch = 1000
  /// pbs_error.h: PBSE_UNKJOBID, PBSE_HISTJOBID.
  private static let unknownJob = 15001
  private static let finishedJob = 15139

  let users: SubmittingUsers
  private let helpers: UserHelpers
  /// Whose jobs are listed.
  private let which: HelperRequest.Jobs
  private let placeholder: [String]
  private let environment: [String: String]
  private let clock: any Clock
  private let log: Logger
  private let complaints: Complaints
  private lazy var ownOrigin = JobAttributes.origin(
    environment: environment, folder: FileManager.default.currentDirectoryPath)
  /// Whose jobs are followed.
  private var ownServer = ServerOfJobs()
  /// Jobs that have not ended, as the helper has told.
  private var listed: Set<String> = []
  /// Seconds that the last listing took, and the last question for changes.
  private var listingCost = 0.0
  private var changesCost = 0.0

  /// - Parameters:
  ///   - helper: how the helper is started.
  ///   - users: whose jobs can be submitted.
  ///   - byProof: whether jobs are listed by their proof of submission, whosever they are.
  ///   - placeholder: the program, with arguments, that a pod's job runs.
  ///   - timeout: seconds after which a helper that has not answered is ended.
  init(
    _ helper: LibraryClient.Program, users: SubmittingUsers, byProof: Bool = false,
    placeholder: [String], timeout: Double, clock: any Clock, log: Logger
  ) {
    self.users = users
    which = HelperRequest.Jobs(user: users.own, byProof: byProof)
    self.placeholder = placeholder
    self.clock = clock
    self.log = log
    complaints = Complaints(log: log)
    environment = helper.environment
    helpers = UserHelpers(helper, users: users, timeout: timeout, clock: clock, log: log)
  }

  /// Looks cost PBS time and nobody a port: they take a fixed share of its time at most.
  var pace: LookPace {
    LookPace(
      first: max(0.05, changesCost * 4), second: max(0.1, changesCost * 10),
      waiting: max(0.25, changesCost * 50), listing: listingCost * 20)
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    let answer = try await submission(of: job)
    guard let text = answer.job, let id = JobID(text), id.isOrdinary else {
      throw .unavailable("pbs_submit told no job id: \((answer.job ?? "").prefix(200))")
    }
    if job.user == nil || job.user == users.own {
      ownServer = ServerOfJobs(id.server)
    } else {
      // What another user's helper says is not what says which server is ours.
      try await learnServer()
      guard isOurs(text) else {
        throw .unavailable("pbs_submit of another user told the id of another server's job")
      }
    }
    return id.description
  }

  private func submission(of job: JobDescription) async throws(PBSError) -> HelperAnswer {
    let user = try await users.other(job.user)
    let attributes = try JobAttributes.attributes(
      for: job, placeholder: placeholder, origin: origin(of: user))
    return try await ask(.submit(attributes: attributes, queue: job.queue), as: user)
  }

  /// Where jobs are submitted, as PBS tells them.
  /// - Parameter user: who submits; nil for our own.
  private func origin(of user: PBSUser?) -> String {
    guard let user else { return ownOrigin }
    return JobAttributes.origin(
      environment: user.environment(own: environment),
      folder: FileManager.default.currentDirectoryPath)
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await learnServer()
    guard isOurs(id) else { throw .refused("\(id) is no job of this PBS server") }
    let actor = try await users.actor(for: owner)
    do throws(LibraryFailure) {
      _ = try await answer(.delete(job: id, force: force), as: actor)
    } catch {
      guard ![Self.unknownJob, Self.finishedJob].contains(error.code) else { return }
      throw PBSError(error)
    }
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    try await learnServer()
    guard isOurs(id) else { throw .refused("\(id) is no job of this PBS server") }
    _ = try await ask(.change(job: id, change), as: users.actor(for: owner))
  }

  // MARK: Looking at jobs

  func list(telling: Set<String>) async throws(PBSError) -> JobListing {
    try await learnServer()
    let began = clock.now
    let answer = try await ask(.list(which, telling: telling.sorted()))
    listingCost = clock.now - began
    if answer.isFresh { listed = [] }
    listed.subtract(answer.gone)
    let changed = read(answer)
    note(changed)
    return JobListing(all: listed, tellsChanges: true, changed: changed)
  }

  func changes() async throws(PBSError) -> JobStat? {
    try await learnServer()
    let began = clock.now
    let answer = try await ask(.changes(which))
    guard !answer.isFresh else { return nil }
    changesCost = clock.now - began
    let changed = read(answer)
    note(changed)
    return changed
  }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    try await learnServer()
    var stat = JobStat(jobs: [], unknown: [])
    let ours = Set(ids.filter(isOurs))
    stat.unreadable = Set(ids).subtracting(ours)
    for batch in ours.sorted().chunked(Self.batch) {
      let missing = try await add(batch, to: &stat)
      // Of several ids PBS leaves those out that it does not know: only its own word that it
      // knows none of them counts.
      guard !missing.isEmpty else { continue }
      stat.unreadable.formUnion(try await add(missing.sorted(), to: &stat))
    }
    return stat
  }

  /// Asks for some jobs.
  /// - Returns: those of which PBS has told nothing, though it knows one of them.
  private func add(_ ids: [String], to stat: inout JobStat) async throws(PBSError) -> Set<String> {
    do throws(LibraryFailure) {
      var answer = try await answer(.stat(ids))
      let asked = Set(ids)
      answer.jobs.removeAll { !asked.contains($0.id) }
      answer.unreadable.removeAll { !asked.contains($0) }
      let told = read(answer)
      stat.jobs += told.jobs
      stat.unreadable.formUnion(told.unreadable)
      return asked.subtracting(told.jobs.map(\.id)).subtracting(told.unreadable)
    } catch {
      guard error.code == Self.unknownJob else { throw PBSError(error) }
      stat.unknown.formUnion(ids)
      return []
    }
  }

  private func read(_ answer: HelperAnswer) -> JobStat {
    var stat = JobStat(jobs: [], unknown: [])
    stat.jobs.reserveCapacity(answer.jobs.count)
    for job in answer.jobs where isToBeRead(job.id) {
      stat.jobs.append(job)
      complaints.end(of: job.id)
    }
    for id in answer.unreadable where isToBeRead(id) {
      stat.unreadable.insert(id)
      complaints.say(of: id, "PBS says nothing of it that can be read; it counts as unchanged")
    }
    return stat
  }

  private func isToBeRead(_ id: String) -> Bool {
    if isOurs(id) { return true }
    complaints.say(of: id, "no job of this PBS server, and left alone")
    return false
  }

  private func note(_ changed: JobStat) {
    for job in changed.jobs {
      if job.hasEnded { listed.remove(job.id) } else { listed.insert(job.id) }
    }
    listed.formUnion(changed.unreadable)
  }

  // MARK: The server and its hosts

  /// Tries whether the library can be used, and a connection be made.
  /// - Parameter seconds: how long that may take.
  /// - Returns: the server's name.
  func probe(within seconds: Double) async throws(LibraryFailure) -> String {
    try note(server: try await answer(.server, within: seconds))
  }

  func server() async throws(PBSError) -> String {
    do throws(LibraryFailure) {
      return try note(server: try await answer(.server))
    } catch {
      throw PBSError(error)
    }
  }

  private func note(server answer: HelperAnswer) throws(LibraryFailure) -> String {
    guard let server = answer.objects.first, !server.name.isEmpty else {
      throw .init(kind: .broken, code: 0, words: "pbs_statserver named no server")
    }
    if let arguments = server.attributes["default_qsub_arguments"] {
      complaints.say(
        of: server.name,
        "its default_qsub_arguments (\(arguments)) are not for pods' jobs: qsub follows them, libpbs does not (pbs-backend)"
      )
    }
    ownServer = ServerOfJobs(server.name)
    return server.name
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    let answer = try await ask(.hosts)
    return PBSHosts(answer.objects) { [complaints] name in
      complaints.say(of: name, "PBS tells of it what cannot be read, which is ignored")
    }
  }

  func queues() async throws(PBSError) -> [PBSText.Object] { try await ask(.queues).objects }

  var commentLimit: Int { 1000 }

  func setOffline(_ isOffline: Bool, host: String, comment: String) async throws(PBSError) {
    _ = try await ask(.setOffline(isOffline, host: host, comment: comment))
  }

  func setResources(_ resources: [String: String], vnode: String) async throws(PBSError) {
    _ = try await ask(.setResources(resources, vnode: vnode))
  }

  private func learnServer() async throws(PBSError) {
    if ownServer.name.isEmpty { _ = try await server() }
  }

  private func isOurs(_ id: String) -> Bool { ownServer.has(id) }

  // MARK: Asking

  private func ask(
    _ request: HelperRequest, as user: PBSUser? = nil
  ) async throws(PBSError) -> HelperAnswer {
    do throws(LibraryFailure) {
      return try await answer(request, as: user)
    } catch {
      throw PBSError(error)
    }
  }

  /// - Parameter user: who asks; nil for our own.
  private func answer(
    _ request: HelperRequest, as user: PBSUser? = nil, within seconds: Double? = nil
  ) async throws(LibraryFailure) -> HelperAnswer {
    guard let user else { return try await helpers.ask(request, within: seconds) }
    return try await helpers.ask(request, as: user)
  }
}

extension PBSError {
  /// PBSE_BADCRED and PBSE_EXPIRED (pbs_error.h): a connection of no more use, on which the server
  /// did nothing.
  private static let untouched: Set<Int> = [15019, 15020]

  /// What a helper's failure means, in PBS's own words.
  init(_ failure: LibraryFailure) {
    switch failure.kind {
    case .library: self.init(.unavailable, failure.words)
    case .user: self.init(.refused, failure.words)
    case .broken:
      self.init(Self.untouched.contains(failure.code) ? .busy : .unavailable, failure.words)
    // Nobody was asked, so nobody has refused: only words tell why, such as that no port is left.
    case .connect:
      let meaning = PBSAnswer.meaning(code: 0, words: failure.words)
      self.init(meaning == .busy ? .busy : .unavailable, failure.words)
    case .answered:
      self.init(PBSAnswer.meaning(code: failure.code, words: failure.words), failure.words)
    }
  }
}
