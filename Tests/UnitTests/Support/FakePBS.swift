@testable import Runtime
@testable import pbs_broker

/// A PBS that takes jobs and deletions, or answers as a test says, and notes what it was asked.
@EventLoop
final class FakePBS: PBSBackend {
  let users = SubmittingUsers(own: "pbs-broker")
  /// Names of the jobs of all submissions, in order; when each began, in monotonic seconds.
  private(set) var submissions: [String] = []
  /// Ids of the jobs of all deletions, in order, with "!" after a forced one.
  private(set) var deletions: [String] = []
  /// What was to be changed, in order, with the job's id.
  private(set) var changes: [(job: String, change: JobChange)] = []
  private(set) var moments: [Double] = []
  /// Why the command of this number, from 0 on, does not work; nil when it does.
  var failure: (Int) -> PBSError? = { _ in nil }
  /// Jobs, by name, that are never taken, and why.
  var refusals: [String: PBSError] = [:]
  /// Commands wait for ``release()``.
  var isHolding = false
  private var held: [CheckedContinuation<Void, Never>] = []

  private let clock: any Clock

  init(clock: any Clock) {
    self.clock = clock
  }

  /// Lets the commands that wait come to their ends, and later ones not wait.
  func release() {
    isHolding = false
    let held = held
    self.held = []
    for continuation in held { continuation.resume() }
  }

  private func answer() async throws(PBSError) {
    moments.append(clock.now)
    let failure = failure(moments.count - 1)
    if isHolding { await withCheckedContinuation { held.append($0) } }
    if let failure { throw failure }
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    submissions.append(job.name)
    let number = submissions.count
    try await answer()
    if let refusal = refusals[job.name] { throw refusal }
    return "\(number).pbsserver"
  }

  func delete(_ id: String, of _: String?, force: Bool) async throws(PBSError) {
    deletions.append(id + (force ? "!" : ""))
    try await answer()
  }

  func change(_ id: String, of _: String?, _ change: JobChange) async throws(PBSError) {
    changes.append((id, change))
    try await answer()
  }

  func list(telling _: Set<String>) async throws(PBSError) -> JobListing { JobListing(all: []) }
  func changes() async throws(PBSError) -> JobStat? { nil }
  func stat(_ ids: [String]) async throws(PBSError) -> JobStat { JobStat(jobs: [], unknown: []) }
  func server() async throws(PBSError) -> String { "pbsserver" }
  func hosts() async throws(PBSError) -> PBSHosts { PBSHosts() }
  var pace: LookPace { LookPace(first: 0.25, second: 0.5) }
}

/// Waits until the condition holds, at most for some seconds of real time.
/// - Returns: whether it does.
@EventLoop
func soon(within seconds: Double = 15, _ condition: @EventLoop () -> Bool) async -> Bool {
  let clock = SystemClock()
  let end = clock.now + seconds
  while !condition() {
    guard clock.now < end else { return false }
    try? await clock.sleep(seconds: 0.01)
  }
  return true
}
