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
    "Account_Name", "group_list", "Priority", "estimated", changeTime,
  ]
  /// When PBS changed a job last, in seconds.
  private static let changeTime = "mtime"
  /// The octets of a frame, about, beyond which an answer goes on in another.
  private static let frameSize = 256 << 10
  /// The most octets of one object; a larger one is told without its attributes.
  private static let objectLimit = 512 << 10
  /// pbs_error.h: PBSE_JOBHISTNOTSET.
  private static let noHistory = 15140
  /// pbs_error.h: PBSE_UNKRESC.
  private static let unknownResource = 15035

  private let clock: any Clock
  private let library: Result<PBSLibrary, LibraryFailure>
  private var told = ToldJobs()
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
        while let json = try reader.next() {
          guard serve(try JSONDecoder().decode(HelperRequest.self, from: json)) else { return }
        }
      } catch {
        return
      }
    }
  }

  /// - Returns: whether this process can serve further requests.
  private mutating func serve(_ request: HelperRequest) -> Bool {
    var answer = HelperAnswer()
    do throws(LibraryFailure) {
      answer = try answered(request, by: library.get())
    } catch {
      answer = HelperAnswer(failure: error)
    }
    answer.isLast = true
    let isUsable = ![.library, .user, .broken].contains(answer.failure?.kind)
    return send(answer) && isUsable
  }

  private mutating func answered(
    _ request: HelperRequest, by library: PBSLibrary
  ) throws(LibraryFailure) -> HelperAnswer {
    switch request {
    case .submit(let attributes, let queue):
      return HelperAnswer(job: try library.submit(attributes, queue: queue))
    case .delete(let job, let force):
      try library.delete(job, force: force)
      return HelperAnswer()
    case .change(let job, let change):
      try library.change(job, change)
      return HelperAnswer()
    case .list(let which, let telling):
      return try list(which, telling: Set(telling), library)
    case .changes(let which):
      return try changes(which, library)
    case .stat(let ids):
      let jobs = try withHistory { (withEnded) throws(LibraryFailure) in
        try library.jobs(ids, wanted: Self.wanted, withEnded: withEnded)
      }
      return HelperAnswer(objects: tell(jobs.lazy.map(\.text)))
    case .server:
      let server = try library.server(wanted: ["default_qsub_arguments"])
      return HelperAnswer(objects: server.map(\.text))
    case .hosts:
      let vnodes = try library.vnodes(
        wanted: ["Mom", "state", "comment", "resources_available", "resources_assigned"])
      return HelperAnswer(objects: tell(vnodes.lazy.map(\.text)))
    case .queues:
      let queues = try library.queues(wanted: ["queue_type", "enabled", "kill_delay"])
      return HelperAnswer(objects: tell(queues.lazy.map(\.text)))
    case .setOffline(let isOffline, let host, let comment):
      try library.set(
        host: host,
        [
          (JobAttribute("state", "offline"), isOffline ? pbs_add : pbs_remove),
          (JobAttribute("comment", comment), pbs_set),
        ])
      return HelperAnswer()
    case .setResources(let resources, let vnode):
      try library.set(
        vnode: vnode,
        resources.sorted { $0.key < $1.key }.map {
          JobAttribute("resources_available", $0.value, resource: $0.key)
        })
      return HelperAnswer()
    }
  }

  private mutating func list(
    _ which: HelperRequest.Jobs, telling: Set<String>, _ library: PBSLibrary
  ) throws(LibraryFailure) -> HelperAnswer {
    let isFresh = told.isEmpty
    let now = clock.now
    let jobs = try Self.select(which, [], withEnded: false, library)
    told.begin()
    var news: [PBSText.Object] = []
    for job in jobs {
      if isNews(job, now) || telling.contains(job.name) { news.append(job.text) }
    }
    return HelperAnswer(objects: tell(news), gone: told.end(now: now), isFresh: isFresh)
  }

  private mutating func changes(
    _ which: HelperRequest.Jobs, _ library: PBSLibrary
  ) throws(LibraryFailure) -> HelperAnswer {
    // What is a change, only a listing before can tell.
    guard !told.isEmpty else { return HelperAnswer(isFresh: true) }
    var criteria: [(JobAttribute, pbs_operator)] = []
    let now = clock.now
    let since = told.since(now: now)
    if let since { criteria.append((JobAttribute(Self.changeTime, "\(since)"), pbs_at_least)) }
    let jobs = try withHistory { (withEnded) throws(LibraryFailure) in
      // Without a moment that would be all that PBS remembers.
      try Self.select(which, criteria, withEnded: withEnded && since != nil, library)
    }
    var news: [PBSText.Object] = []
    for job in jobs where isNews(job, now) { news.append(job.text) }
    return HelperAnswer(objects: tell(news))
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

  private mutating func isNews(_ job: PBSObjects.Item, _ now: Double) -> Bool {
    told.isNews(
      job.name, fingerprint: job.fingerprint(without: Self.changeTime),
      changedAt: job.number(Self.changeTime), now: now)
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

  // MARK: Telling

  /// Sends objects in frames of their own.
  /// - Returns: the rest of them, for the last frame.
  private func tell(_ objects: some Sequence<PBSText.Object>) -> [PBSText.Object] {
    var rest: [PBSText.Object] = []
    var size = 0
    for var object in objects {
      var octets = object.attributes.reduce(200) { $0 + $1.key.utf8.count + $1.value.utf8.count }
      if octets > Self.objectLimit {
        object = PBSText.Object(name: object.name)
        octets = 200
      }
      rest.append(object)
      size += octets
      guard size > Self.frameSize else { continue }
      _ = send(HelperAnswer(objects: rest))
      rest = []
      size = 0
    }
    return rest
  }

  /// - Returns: whether the broker is still there.
  private func send(_ answer: HelperAnswer) -> Bool {
    guard let json = try? JSONEncoder().encode(answer), Frame.fits(json) else { return false }
    return Frame.encode(json).withUnsafeBytes { octets in
      var rest = octets[...]
      while !rest.isEmpty {
        let count = write(0, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }
}
