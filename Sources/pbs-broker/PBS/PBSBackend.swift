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
  /// All about some jobs, ended ones included.
  func stat(_ ids: [String]) async throws(PBSError) -> JobStat
  /// Deletes a job; one that has ended already counts as deleted.
  /// - Parameter force: also when its host cannot be reached.
  func delete(_ id: String, force: Bool) async throws(PBSError)
  /// PBS's execution hosts.
  func hosts() async throws(PBSError) -> PBSHosts
}

/// PBS's execution hosts, by the names that `select=host=` and exec_host use.
struct PBSHosts: Sendable, Equatable {
  var all: Set<String> = []
  /// Those that PBS cannot reach.
  var down: Set<String> = []
}

/// Why PBS did not do what was asked.
enum PBSError: Error, Equatable, CustomStringConvertible {
  /// The server does not answer, or a command could not run to its end: whether it took
  /// effect is not known.
  case unavailable(String)
  /// PBS says no, in its own words.
  case refused(String)

  var description: String {
    switch self {
    case .unavailable(let words), .refused(let words): words
    }
  }
}

/// Which jobs there are.
struct JobListing: Sendable, Equatable {
  var all: Set<String>
  var running: Set<String>
}

/// What PBS says of the jobs asked for.
struct JobStat: Sendable, Equatable {
  var jobs: [Job]
  /// Ids that PBS says it does not know.
  var unknown: Set<String>
}
