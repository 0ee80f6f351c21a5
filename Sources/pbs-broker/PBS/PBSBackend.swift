import Runtime

/// How the broker talks to PBS: by its library in a helper process (``LibPBS``), or by its commands
/// (``PBSCommands``).
@EventLoop
protocol PBSBackend: AnyObject {
  /// Whose jobs can be submitted.
  var users: SubmittingUsers { get }
  /// How often PBS may be looked at now.
  var pace: LookPace { get }
  /// Submits a job, as its ``JobDescription/user``, and returns its id.
  func submit(_ job: JobDescription) async throws(PBSError) -> String
  /// All jobs of ours, whosever, that have not ended.
  /// - Parameter telling: jobs of which all is to be told, where the listing tells that at all.
  func list(telling: Set<String>) async throws(PBSError) -> JobListing
  /// All about the jobs of ours that have changed since the last listing, or since this was asked
  /// last; nil where only a listing can tell.
  func changes() async throws(PBSError) -> JobStat?
  /// All about some jobs, ended ones included. A job of which PBS says nothing clear is in
  /// ``JobStat/unreadable`` and harms no other.
  func stat(_ ids: [String]) async throws(PBSError) -> JobStat
  /// Deletes a job, as its owner where we can be him, else as our own user; one that has ended
  /// already counts as deleted.
  /// - Parameters:
  ///   - owner: PBS's name for him; nil for our own.
  ///   - force: also when its host cannot be reached.
  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError)
  /// Changes a job that waits, as its owner where we can be him. One that no longer is there counts
  /// as refused.
  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError)
  /// The server's name, as it stands in its jobs' ids ("pbsserver").
  func server() async throws(PBSError) -> String
  /// PBS's execution hosts.
  func hosts() async throws(PBSError) -> PBSHosts
  /// PBS's queues with their attributes.
  func queues() async throws(PBSError) -> [PBSText.Object]
  /// Takes all vnodes of a host out of service (state offline), or gives them back, and writes their
  /// comment in the same request. This needs an operator of PBS.
  /// - Parameters:
  ///   - host: as their attribute Mom names it.
  ///   - comment: at most ``commentLimit`` octets; empty: none.
  func setOffline(_ isOffline: Bool, host: String, comment: String) async throws(PBSError)
  /// Sets resources_available of one vnode, all of them in one request. This needs an operator of PBS.
  /// - Parameter resources: values by resource, as PBS takes them.
  func setResources(_ resources: [String: String], vnode: String) async throws(PBSError)
  /// Octets that a host's comment may have.
  var commentLimit: Int { get }
  /// Waits until a command of one connection may begin, which the next one of this use need not do
  /// then: whoever calls it looks again before he acts.
  func turn(for use: ConnectionUse) async
  /// Connections made in the last minute, and the most that may be; nil where they are not counted.
  func connections(for use: ConnectionUse) -> (made: Int, most: Int)?
}

extension PBSBackend {
  /// PBS's name for us.
  var user: String { users.own }

  /// Deletes a job of our own user.
  func delete(_ id: String, force: Bool) async throws(PBSError) {
    try await delete(id, of: nil, force: force)
  }

  /// Changes a job of our own user.
  func change(_ id: String, _ change: JobChange) async throws(PBSError) {
    try await self.change(id, of: nil, change)
  }

  /// Who is to delete or change a job, by PBS's name.
  /// - Parameter owner: its owner.
  /// - Throws: ``PBSError/unavailable(_:)`` while this host does not say whether we can be him.
  func actor(for owner: String?) async throws(PBSError) -> String {
    try await users.actor(for: owner)?.name ?? user
  }

  /// In whose line the deletion or change of a job waits: its owner's, where this process may be able
  /// to be him; nil for our own user.
  /// - Parameter owner: by PBS's name.
  func line(of owner: String?) -> String? {
    guard let owner, owner != user, users.obstacle == nil else { return nil }
    return owner
  }

  func queues() async throws(PBSError) -> [PBSText.Object] { [] }

  /// A backend that can only look at hosts.
  func setOffline(_ isOffline: Bool, host: String, comment: String) async throws(PBSError) {
    throw .refused("hosts of this PBS cannot be changed")
  }

  func setResources(_ resources: [String: String], vnode: String) async throws(PBSError) {
    throw .refused("hosts of this PBS cannot be changed")
  }

  var commentLimit: Int { 79 }

  /// A backend without a limit never waits.
  func turn(for use: ConnectionUse) async {}

  func connections(for use: ConnectionUse) -> (made: Int, most: Int)? { nil }
}

/// One change of a job: what a command of PBS can do at once, wholly or not at all.
enum JobChange: Sendable, Equatable {
  /// qalter. An empty value takes an attribute away.
  case alter([JobAttribute])
  /// qmove, to another queue of the same server.
  case move(queue: String)
  /// qhold and qrls, of the user's hold.
  case hold, release
  /// qdel -x: deletes a job that was moved to another server there, and forgets it here.
  case deleteMoved
}

/// How often a backend lets PBS be looked at, by what a look costs there. Seconds between looks.
struct LookPace: Sendable, Equatable {
  /// While jobs are about to start; and when that has gone on for a while.
  var first: Double
  var second: Double
  /// While jobs wait; infinity where they are not looked for.
  var waiting = Double.infinity
  /// Between listings of all jobs, at least.
  var listing = 0.0
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
  /// Those that run, and the states of those whose state the listing tells: not every listing does.
  var running: Set<String> = []
  var states: [String: Job.State] = [:]
  /// Whether the listing tells all about each job that has changed since the one before; then no
  /// other of them has to be asked for.
  var tellsChanges = false
  /// What it tells of them.
  var changed = JobStat(jobs: [], unknown: [])
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

extension JobStat {
  /// All of which something is told, readable or not.
  var told: Set<String> { unreadable.union(jobs.map(\.id)) }

  mutating func add(_ other: JobStat) {
    jobs += other.jobs
    unknown.formUnion(other.unknown)
    unreadable.formUnion(other.unreadable)
  }
}
