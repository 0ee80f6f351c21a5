import CLinux
import CPBS
import FoundationEssentials
import Glibc
import Runtime
import Wire

/// The helper process: reads requests from its standard input, a socket, and answers there, one
/// after the other. It ends with that socket, and with its connection to PBS: a new process finds
/// the library, its configuration and the server as they are then.
struct LibraryHelper {
  /// The first argument of a pbs-broker that is to be a helper; the second is the library.
  static let argument = "libpbs-helper"

  /// The attributes of a job that are asked for.
  private static let wanted = [
    "job_state", "substate", "run_count", "exec_host", "exec_vnode", "comment", "Exit_status",
    "Hold_Types", "Job_Owner", "Variable_List", "Resource_List", "Job_Name", "queue", "project",
    "Account_Name", "group_list", "Priority", "estimated", JobGlance.changeTime,
  ]
  /// pbs_error.h: PBSE_JOBHISTNOTSET.
  private static let noHistory = 15140
  /// pbs_error.h: PBSE_UNKRESC.
  private static let unknownResource = 15035

  private let clock: any Clock
  private let library: Result<PBSLibrary, LibraryFailure>
  private var told = ToldJobs()
  private var writer = AnswerWriter()
  /// PBS keeps ended jobs.
  private var hasHistory = true

  /// - Parameter path: libpbs.so.
  init(path: String, clock: any Clock) {
    _ = connector_drop_capabilities()
    self.init(path: path, failure: nil, clock: clock)
  }

  /// - Parameters:
  ///   - path: libpbs.so.
  ///   - user: who this process is to be from now on.
  init(path: String, user: String, leastUID: String, clock: any Clock) {
    let words = AsUser.become(user, leastUID: leastUID)
    self.init(
      path: path, failure: words.map { LibraryFailure(user: user, $0) }, clock: clock)
  }

  private init(path: String, failure: LibraryFailure?, clock: any Clock) {
    self.clock = clock
    let printed = PrintedWords()
    if let failure {
      library = .failure(failure)
      return
    }
    do throws(LibraryFailure) {
      library = .success(try PBSLibrary(path: path, printed: printed))
    } catch {
      library = .failure(error)
    }
  }

  /// Serves, where this process was started for that, until its end.
  static func runIfMeant(_ arguments: [String]) {
    guard [3, 5].contains(arguments.count), arguments[1] == argument else { return }
    connector_close_from(3)
    signal(SIGPIPE, SIG_IGN)
    // A terminal's ^C is the broker's; this process ends with its socket.
    signal(SIGINT, SIG_IGN)
    // Its program's path may be /proc/self/exe, which tells nobody anything. It works without a name.
    try? Data("pbs-helper".utf8).write(to: URL(filePath: "/proc/self/comm"))
    var helper =
      arguments.count == 3
      ? LibraryHelper(path: arguments[2], clock: SystemClock())
      : LibraryHelper(
        path: arguments[2], user: arguments[3], leastUID: arguments[4], clock: SystemClock())
    // Whoever becomes another user may be beyond the reach of his broker's signals.
    _ = connector_end_with(0)
    helper.run()
    exit(0)
  }

  /// Serves until the socket ends.
  mutating func run() {
    var reader = FrameReader()
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(0, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      buffer.withUnsafeBytes { reader.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      do {
        while let request = try reader.next() {
          let request = try request.withUnsafeBytes { try HelperRequest($0) }
          guard serve(request) else { return }
        }
      } catch {
        return
      }
    }
  }

  /// - Returns: whether this process can serve further requests.
  private mutating func serve(_ request: HelperRequest) -> Bool {
    do throws(LibraryFailure) {
      try answer(request, by: library.get())
      writer.end()
      return writer.isHeard
    } catch {
      writer.end(error)
      return writer.isHeard && ![.library, .user, .broken].contains(error.kind)
    }
  }

  private mutating func answer(
    _ request: HelperRequest, by library: PBSLibrary
  ) throws(LibraryFailure) {
    switch request {
    case .submit(let attributes, let queue):
      writer.tell(submitted: try library.submit(attributes, queue: queue))
    case .delete(let job, let force): try library.delete(job, force: force)
    case .change(let job, let change): try library.change(job, change)
    case .list(let which, let telling): try list(which, telling: Set(telling), library)
    case .changes(let which): try changes(which, library)
    case .stat(let ids):
      let jobs = try withHistory { (withEnded) throws(LibraryFailure) in
        try library.jobs(ids, wanted: Self.wanted, withEnded: withEnded)
      }
      for job in jobs { writer.tell(job: job, waits: JobGlance(job).waits) }
    case .server:
      for server in try library.server(wanted: ["default_qsub_arguments"]) {
        writer.tell(object: server)
      }
    case .hosts:
      let vnodes = try library.vnodes(
        wanted: ["Mom", "state", "comment", "resources_available", "resources_assigned"])
      for vnode in vnodes { writer.tell(object: vnode) }
    case .queues:
      for queue in try library.queues(wanted: ["queue_type", "enabled", "kill_delay"]) {
        writer.tell(object: queue)
      }
    case .setOffline(let isOffline, let host, let comment):
      try library.set(
        host: host,
        [
          (JobAttribute("state", "offline"), isOffline ? pbs_add : pbs_remove),
          (JobAttribute("comment", comment), pbs_set),
        ])
    case .setResources(let resources, let vnode):
      try library.set(
        vnode: vnode,
        resources.sorted { $0.key < $1.key }.map {
          JobAttribute("resources_available", $0.value, resource: $0.key)
        })
    }
  }

  private mutating func list(
    _ which: HelperRequest.Jobs, telling: Set<String>, _ library: PBSLibrary
  ) throws(LibraryFailure) {
    if told.isEmpty { writer.tellFresh() }
    let now = clock.now
    let jobs = try Self.select(which, [], withEnded: false, library)
    told.begin()
    for job in jobs { tellNews(of: job, now, telling: telling) }
    for id in told.end(now: now) { writer.tell(gone: id) }
  }

  private mutating func changes(
    _ which: HelperRequest.Jobs, _ library: PBSLibrary
  ) throws(LibraryFailure) {
    // What is a change, only a listing before can tell.
    guard !told.isEmpty else { return writer.tellFresh() }
    var criteria: [(JobAttribute, pbs_operator)] = []
    let now = clock.now
    let since = told.since(now: now)
    if let since {
      criteria.append((JobAttribute(JobGlance.changeTime, "\(since)"), pbs_at_least))
    }
    let jobs = try withHistory { (withEnded) throws(LibraryFailure) in
      // Without a moment that would be all that PBS remembers.
      try Self.select(which, criteria, withEnded: withEnded && since != nil, library)
    }
    for job in jobs { tellNews(of: job, now) }
  }

  /// Jobs of those meant that meet further criteria.
  private static func select(
    _ which: HelperRequest.Jobs, _ criteria: [(JobAttribute, pbs_operator)], withEnded: Bool,
    _ library: PBSLibrary
  ) throws(LibraryFailure) -> PBSObjects {
    let ofUser = (JobAttribute("User_List", which.user), pbs_equal)
    if which.byProof {
      // Any text: what has no such resource counts as less than all.
      let proven = (JobAttribute("Resource_List", "0", resource: "k8s_pod"), pbs_at_least)
      do throws(LibraryFailure) {
        return try library.select(
          [proven] + criteria, wanted: wanted, withEnded: withEnded)
      } catch {
        // A server without the resource has no job with proof; those of our user are told of.
        guard error.code == Self.unknownResource else { throw error }
      }
    }
    return try library.select([ofUser] + criteria, wanted: Self.wanted, withEnded: withEnded)
  }

  /// Tells of a job that is not as it was told last.
  /// - Parameter telling: jobs to tell of in any case.
  private mutating func tellNews(
    of job: PBSObjects.Item, _ now: Double, telling: Set<String> = []
  ) {
    let id = String(flat: job.name)
    let glance = JobGlance(job)
    let isNews = told.isNews(
      id, fingerprint: glance.fingerprint, changedAt: glance.changedAt, now: now)
    if isNews || telling.contains(id) { writer.tell(job: job, waits: glance.waits) }
  }

  /// Asks for ended jobs as well, where PBS keeps them.
  private mutating func withHistory(
    _ ask: (Bool) throws(LibraryFailure) -> PBSObjects
  ) throws(LibraryFailure) -> PBSObjects {
    do throws(LibraryFailure) {
      return try ask(hasHistory)
    } catch {
      guard hasHistory, error.code == Self.noHistory else { throw error }
      hasHistory = false
      return try ask(false)
    }
  }
}
