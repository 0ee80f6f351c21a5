@testable import Runtime
@testable import pbs_broker

/// The way of one broker to the simulated PBS, on which things go wrong.
@EventLoop
final class PBSLink: PBSBackend {
  let users = SubmittingUsers(own: "pbs-broker")
  var pace: LookPace { LookPace(first: 0.5, second: 1) }

  private let run: Run
  private let clock: ProcessClock
  private let name: String

  init(_ run: Run, _ clock: ProcessClock, name: String) {
    self.run = run
    self.clock = clock
    self.name = name
  }

  /// Waits as long as a command takes.
  private func pass(_ seconds: Double) async {
    await withCheckedContinuation { continuation in
      run.later(seconds) { [clock] in clock.whenRunning { continuation.resume() } }
    }
  }

  /// Runs a command: what it does, it does also when its broker is killed meanwhile, or not.
  private func command<Answer>(
    _ work: @escaping @EventLoop () throws(PBSError) -> Answer
  ) async throws(PBSError) -> Answer {
    if run.trouble.isOn(.pbsAway) {
      await pass(run.latency())
      throw .unavailable("Connection refused")
    }
    if run.trouble.isOn(.pbsBusy) {
      await pass(run.latency())
      throw .busy("Server is busy")
    }
    let hangs = run.trouble.isOn(.pbsHangs)
    var result: Result<Answer, PBSError>?
    if !hangs || run.chance(0.5) {
      run.later(run.latency()) { [run, clock] in
        guard clock.state != .dead || run.chance(0.5) else { return }
        do throws(PBSError) {
          result = .success(try work())
        } catch {
          result = .failure(error)
        }
      }
    }
    await pass(hangs ? 60 : 0.06)
    if hangs { throw .unavailable("did not end within 60 s") }
    if run.trouble.isOn(.pbsLosesAnswers), run.chance(0.5) { throw .unavailable("killed") }
    guard let result else { throw .unavailable("killed") }
    return try result.get()
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    try await command { [run] () throws(PBSError) in run.pbs.submit(job) }
  }

  func list(telling _: Set<String>) async throws(PBSError) -> JobListing {
    try await command { [run] () throws(PBSError) in
      if run.trouble.isOn(.pbsListsNothing) { return JobListing(all: []) }
      let live = run.pbs.live
      return JobListing(
        all: Set(live.map(\.job.id)), running: Set(live.filter(\.job.isRunning).map(\.job.id)))
    }
  }

  func changes() async throws(PBSError) -> JobStat? { nil }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    let ids = ids.sorted()
    return try await command { [run] () throws(PBSError) in
      var stat = JobStat(jobs: [], unknown: [])
      for id in ids {
        if let entry = run.pbs.entries[id] {
          stat.jobs.append(entry.job)
        } else {
          stat.unknown.insert(id)
        }
      }
      return stat
    }
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await command { [run, name] () throws(PBSError) in
      run.history.note("\(name): qdel \(id)\(force ? " by force" : "")")
      run.judge.deletes(id, force: force)
      _ = run.pbs.delete(id)
    }
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    throw .refused("simulated jobs are not changed")
  }

  func server() async throws(PBSError) -> String {
    try await command { () throws(PBSError) in "pbsserver" }
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    try await command { [run] () throws(PBSError) in
      var hosts = PBSHosts(
        vnodes: run.pbs.hosts.map {
          PBSVnode(name: $0, host: $0, isDown: run.pbs.down.contains($0))
        })
      hosts.down = hosts.calledDown
      return hosts
    }
  }
}
