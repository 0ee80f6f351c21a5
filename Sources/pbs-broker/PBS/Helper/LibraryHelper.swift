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

  let clock: any Clock
  private let library: Result<PBSLibrary, LibraryFailure>
  var told = ToldJobs()
  var writer = AnswerWriter()
  /// When a listing last asked for all of each job; monotonic seconds.
  var completeAt = -Double.infinity
  /// PBS keeps ended jobs.
  var hasHistory = true

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
      for job in try jobs(ids, library) { writer.tell(job: job, waits: JobGlance(job).waits) }
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
}
