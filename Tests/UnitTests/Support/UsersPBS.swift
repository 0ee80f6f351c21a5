@testable import Runtime
@testable import pbs_broker

/// A PBS that is asked as several users, whose processes work, err, or are stopped.
@EventLoop
final class UsersPBS: PBSBackend {
  enum State {
    case works
    case fails(PBSError)
    /// It answers nothing, and is ended after ``timeout``.
    case stopped
  }

  /// Users that there are everywhere.
  let users = SubmittingUsers(own: "pbs-broker", leastUID: 1)
  /// Seconds.
  let timeout = 60.0
  /// By user; those that are not here work.
  var states: [String: State] = [:]
  /// What was asked, in order: "submit pod-1 as daemon".
  private(set) var asked: [String] = []
  /// By user: how many requests are under way, and the most that were.
  private(set) var active: [String: Int] = [:]
  private(set) var most: [String: Int] = [:]
  private let clock: any Clock

  init(clock: any Clock) {
    self.clock = clock
  }

  func count(as user: String) -> Int { asked.count { $0.hasSuffix(" as \(user)") } }

  private func answer(_ words: String, as user: String) async throws(PBSError) {
    asked.append("\(words) as \(user)")
    active[user, default: 0] += 1
    most[user] = max(most[user] ?? 0, active[user] ?? 0)
    defer { active[user, default: 1] -= 1 }
    switch states[user] ?? .works {
    case .works: return
    case .fails(let error): throw error
    case .stopped:
      try? await clock.sleep(seconds: timeout)
      throw .unavailable("libpbs's helper for \(user): it did not answer within 60.0 s")
    }
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    try await answer("submit \(job.name)", as: job.user ?? user)
    return "\(asked.count).pbsserver"
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await answer("delete \(id)", as: owner ?? user)
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    try await answer("change \(id)", as: owner ?? user)
  }

  func list(telling _: Set<String>) async throws(PBSError) -> JobListing { JobListing(all: []) }
  func changes() async throws(PBSError) -> JobStat? { nil }
  func stat(_ ids: [String]) async throws(PBSError) -> JobStat { JobStat(jobs: [], unknown: []) }
  func server() async throws(PBSError) -> String { "pbsserver" }
  func hosts() async throws(PBSError) -> PBSHosts { PBSHosts() }
  var pace: LookPace { LookPace(first: 0.25, second: 0.5) }
}
