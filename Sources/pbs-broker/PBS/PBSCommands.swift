import FoundationEssentials
import Glibc
import Logging
import Shared

/// PBS by its commands. Each runs as a child process with its arguments in a vector; no
/// shell ever sees a pod's name.
@EventLoop
final class PBSCommands: PBSBackend {
  /// Ids in one command line.
  private static let batch = 200
  /// Exit statuses of PBS's commands, which are PBS's error codes modulo 256
  /// (pbs_error.h: PBSE_UNKJOBID 15001, PBSE_HISTJOBID 15139).
  private static let unknownJob: Int32 = 15001 & 0xff
  private static let finishedJob: Int32 = 15139 & 0xff
  /// qstat's when the last of its complaints was of an id that is none.
  private static let malformedID: Int32 = 1

  let user: String
  private let installation: PBSInstallation
  private let placeholder: [String]
  private let timeout: Double
  private let environment: [String: String]
  private let log: Logger
  /// `qstat -x` tells of ended jobs as well; it fails where PBS keeps no history.
  private var history = ["-x"]

  /// - Parameters:
  ///   - placeholder: the program, with arguments, that a pod's job runs.
  ///   - timeout: seconds that a command may take. A busy server answers late, a dead host never.
  init(
    _ installation: PBSInstallation, placeholder: [String], timeout: Double = 60, log: Logger
  ) throws {
    self.installation = installation
    self.placeholder = placeholder
    self.timeout = timeout
    self.log = log
    guard let entry = getpwuid(geteuid()) else {
      throw StartupError("user id \(geteuid()) has no name, which PBS needs")
    }
    user = String(cString: entry.pointee.pw_name)
    // PBS copies some of its caller's environment into the job; what a pod's job needs
    // is given with -v.
    let own = ProcessInfo.processInfo.environment
    environment = own.filter { name, _ in
      ["PATH", "HOME", "TMPDIR", "LANG"].contains(name) || name.hasPrefix("PBS_")
    }
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    var arguments = [
      // -f: no background qsub. It would go on submitting when we are dead.
      "-f", "-r", "n", "-N", job.name, "-l", "select=\(job.select)",
    ]
    if let walltime = job.walltime { arguments += ["-l", "walltime=\(walltime)"] }
    if let queue = job.queue { arguments += ["-q", queue] }
    arguments += ["-v", job.environment.map { "\($0.name)=\($0.value)" }.joined(separator: ",")]
    arguments += ["-o", "/dev/null", "-e", "/dev/null", "--"] + placeholder
    let result = try await run("qsub", arguments)
    guard result.status == 0 else { throw failure("qsub", result) }
    guard let id = PBSText.submittedJob(result.standardOutput) else {
      let words = String(decoding: result.standardOutput.prefix(200), as: UTF8.self)
      throw .unavailable("qsub printed no job id: \(words.trimmingWhitespace())")
    }
    return id
  }

  func list() async throws(PBSError) -> JobListing {
    // All first: a job that starts between two looks is then seen in the later one.
    let all = try await select([])
    let running = try await select(["-s", "R"])
    return JobListing(all: all.union(running), running: running)
  }

  private func select(_ arguments: [String]) async throws(PBSError) -> Set<String> {
    let result = try await run("qselect", ["-u", user] + arguments)
    guard result.status == 0 else { throw failure("qselect", result) }
    guard let ids = PBSText.listedJobs(result.standardOutput) else {
      throw .unavailable("qselect printed something else than job ids")
    }
    return ids
  }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    var stat = JobStat(jobs: [], unknown: [])
    for batch in ids.sorted().chunked(Self.batch) {
      var result = try await run("qstat", history + ["-f"] + batch)
      if !result.standardError.isEmpty,
        result.words.contains("not configured to maintain job history")
      {
        // Without history PBS forgets a job at its end: then that it is unknown is its last word.
        if !history.isEmpty { log.notice("PBS keeps no job history: why a job ended is not known") }
        history = []
        result = try await run("qstat", ["-f"] + batch)
      }
      guard [0, Self.unknownJob, Self.finishedJob, Self.malformedID].contains(result.status) else {
        throw failure("qstat", result)
      }
      var told: Set<String> = []
      for object in PBSText.parse(result.standardOutput, prefix: "Job Id: ") {
        guard object.isWhole, let job = Job(object) else {
          throw .unavailable("qstat did not tell all of job \(object.name)")
        }
        told.insert(job.id)
        stat.jobs.append(job)
      }
      // Only PBS's own word for that very job counts, not a gap in a listing.
      let unknown = Self.ids(after: "Unknown Job Id", in: result)
      // Of an id of another server, such as a hint may bring, nothing is known.
      let malformed = Self.ids(after: "illegally formed job identifier:", in: result)
      for id in batch where !told.contains(id) && !malformed.contains(id) {
        guard unknown.contains(id) else {
          throw .unavailable("qstat said nothing of job \(id): \(result.words.prefix(200))")
        }
        stat.unknown.insert(id)
      }
    }
    return stat
  }

  /// The ids of which qstat complains, a line each ("qstat: Unknown Job Id 5.pbsserver").
  private static func ids(after complaint: String, in result: CommandResult) -> Set<String> {
    var ids: Set<String> = []
    for octets in result.standardError.split(separator: 0x0A) {
      let line = String(decoding: octets, as: UTF8.self)
      guard let found = line.firstRange(of: complaint) else { continue }
      ids.formUnion(line[found.upperBound...].split(separator: " ").prefix(1).map(String.init))
    }
    return ids
  }

  func delete(_ id: String, force: Bool) async throws(PBSError) {
    // One id a command: a pbs_server 23.06.06 was seen to crash on `qdel HELD UNKNOWN UNKNOWN`.
    let result = try await run("qdel", (force ? ["-W", "force"] : []) + [id])
    guard ![0, Self.unknownJob, Self.finishedJob].contains(result.status) else { return }
    throw failure("qdel", result)
  }

  func server() async throws(PBSError) -> String {
    let result = try await run("qstat", ["-B", "-f"])
    guard result.status == 0 else { throw failure("qstat", result) }
    guard let server = PBSText.parse(result.standardOutput, prefix: "Server: ").first else {
      throw .unavailable("qstat -B named no server")
    }
    return server.name
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    let result = try await run("pbsnodes", ["-a"])
    guard result.status == 0 else { throw failure("pbsnodes", result) }
    var hosts = PBSHosts()
    for node in PBSText.parse(result.standardOutput, prefix: "") {
      let states = node.attributes["state"]?.split(separator: ",") ?? []
      hosts.vnodes.append(
        PBSVnode(
          // A vnode's name is its host's unless the site has cut hosts into several vnodes.
          name: node.name, host: node.attributes["resources_available.host"] ?? node.name,
          isDown: states.contains { $0 == "down" || $0.hasSuffix("unknown") }))
    }
    hosts.down = hosts.calledDown
    return hosts
  }

  private func run(_ name: String, _ arguments: [String]) async throws(PBSError) -> CommandResult {
    do {
      let result = try await ChildProcess.run(
        installation.command(name), arguments, environment: environment, timeout: timeout)
      log.trace("\(name) \(arguments.joined(separator: " ")): exit \(result.status)")
      return result
    } catch {
      throw .unavailable("\(error)")
    }
  }

  private func failure(_ command: String, _ result: CommandResult) -> PBSError {
    let words = result.words.isEmpty ? "\(command): exit \(result.status)" : result.words
    // 255 is an exit without a PBS error code; above 128 a signal ended the command, or
    // it is a PBS error code, which comes with words.
    let away =
      [
        "cannot connect to server", "Connection refused", "Connection timed out", "End of File",
        "Premature end",
      ]
    if away.contains(where: words.contains) || result.standardError.isEmpty || result.status == 255
    {
      return .unavailable(words)
    }
    return .refused(words)
  }
}

extension Array {
  /// Pieces of at most `size` elements.
  fileprivate func chunked(_ size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
