import Shared

/// How the broker talks to PBS. There is one implementation, by PBS's commands; libpbs in a
/// helper process would be another.
@EventLoop
protocol PBSBackend: AnyObject {
  /// PBS's name for us, the owner of what is submitted.
  var user: String { get }
  /// Submits a job and returns its id.
  func submit(_ job: JobDescription) async throws(PBSError) -> String
  /// The ids of all jobs of ours that have not ended, by coarse state.
  func list() async throws(PBSError) -> JobListing
  /// All about some jobs, ended ones included. A job of which PBS says nothing clear is in
  /// ``JobStat/unreadable`` and harms no other.
  func stat(_ ids: [String]) async throws(PBSError) -> JobStat
  /// Deletes a job; one that has ended already counts as deleted.
  /// - Parameter force: also when its host cannot be reached.
  func delete(_ id: String, force: Bool) async throws(PBSError)
  /// The server's name, as it stands in its jobs' ids ("pbsserver").
  func server() async throws(PBSError) -> String
  /// PBS's execution hosts.
  func hosts() async throws(PBSError) -> PBSHosts
  /// Waits until a command of one connection may begin, which the next one of this use need not do
  /// then: whoever calls it looks again before he acts.
  func turn(for use: ConnectionUse) async
  /// How many connections of one use need not wait in this minute. Submitting and deleting take
  /// one a job, `list` and `hosts` one or two each, `stat` one for up to ``PBSCommands/batch`` ids
  /// and two or three where PBS does not know some of them.
  func connectionsLeft(for use: ConnectionUse) -> Int
}

extension PBSBackend {
  /// A backend without a limit never waits.
  func turn(for use: ConnectionUse) async {}
}

/// One vnode as `pbsnodes -av` tells it.
struct PBSVnode: Sendable, Equatable {
  /// Its own name, which exec_vnode uses.
  var name: String
  /// resources_available.host, which `select=host=` uses; the name where it has none.
  var host: String
  /// PBS cannot reach it.
  var isDown = false
}

/// PBS's execution hosts.
struct PBSHosts: Sendable, Equatable {
  var vnodes: [PBSVnode] = []

  /// Every name of a host or of a vnode.
  var all: Set<String> { Set(vnodes.flatMap { [$0.name, $0.host] }) }
  /// Those that PBS cannot reach.
  var down: Set<String> = []

  /// All names of the vnodes that PBS calls down, and of the hosts all of whose vnodes are.
  var calledDown: Set<String> {
    let isUp = Set(vnodes.filter { !$0.isDown }.flatMap { [$0.name, $0.host] })
    return Set(vnodes.filter(\.isDown).flatMap { [$0.name, $0.host] }).subtracting(isUp)
  }
}

/// Why PBS did not do what was asked.
enum PBSError: Error, Equatable, CustomStringConvertible {
  /// The server does not answer, or a command could not run to its end: whether it took
  /// effect is not known.
  case unavailable(String)
  /// PBS's own state is at fault, not the request ("Invalid credential", "Server is busy"): nothing
  /// took effect, and the same request works later.
  case busy(String)
  /// A limit of the user, the queue or the server is reached: nothing took effect, and the same
  /// request works when other jobs have ended.
  case limit(String)
  /// PBS refuses this very request, in its own words.
  case refused(String)
  /// PBS refuses since our user has no right to it: it can never work until an administrator acts.
  case unauthorized(String)

  var description: String {
    switch self {
    case .unavailable(let words), .busy(let words), .limit(let words), .refused(let words),
      .unauthorized(let words):
      words
    }
  }
}

/// Which jobs there are.
struct JobListing: Sendable, Equatable {
  var all: Set<String>
  var running: Set<String>
  /// The states of those whose state the listing tells: not every listing does.
  var states: [String: Job.State] = [:]
}

/// What PBS says of the jobs asked for.
struct JobStat: Sendable, Equatable {
  var jobs: [Job]
  /// Ids that PBS says it does not know.
  var unknown: Set<String>
  /// Ids of which nothing is known now: PBS's answer could not be read, said nothing of them, or they
  /// are no jobs of this server. Neither there nor gone.
  var unreadable: Set<String> = []
}
