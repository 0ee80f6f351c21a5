@testable import Runtime
@testable import pbs_broker

/// The way of one broker to the simulated PBS, on which things go wrong.
@EventLoop
final class PBSLink: PBSBackend {
  let users: SubmittingUsers
  var pace: LookPace { LookPace(first: 0.5, second: 1) }

  private let run: Run
  private let clock: ProcessClock
  private let name: String

  init(_ run: Run, _ clock: ProcessClock, name: String) {
    self.run = run
    self.clock = clock
    self.name = name
    users = SubmittingUsers(own: SimulatedPBS.user, leastUID: 1)
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
    let trouble = run.trouble
    if trouble.isOn(.pbsAway) || trouble.isOn(.brokerBlind, of: name) {
      await pass(run.latency())
      throw .unavailable("Connection refused")
    }
    if trouble.isOn(.pbsBusy) {
      await pass(run.latency())
      throw .busy("Server is busy")
    }
    let hangs = trouble.isOn(.pbsHangs)
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
    let late = trouble.isOn(.pbsSlow) ? 400 * run.latency() : 0
    await pass(hangs ? 60 : 0.06 + late)
    if hangs { throw .unavailable("did not end within 60 s") }
    if trouble.isOn(.pbsLosesAnswers), run.chance(0.5) { throw .unavailable("killed") }
    guard let result else { throw .unavailable("killed") }
    return try result.get()
  }

  func submit(_ job: JobDescription) async throws(PBSError) -> String {
    try await command { [run, name] () throws(PBSError) in run.pbs.submit(job, by: name) }
  }

  func list(telling _: Set<String>) async throws(PBSError) -> JobListing {
    try await command { [run] () throws(PBSError) in
      let trouble = run.trouble
      if trouble.isOn(.pbsListsNothing) || run.pbs.isStarting { return JobListing(all: []) }
      var listed = run.pbs.live
      if trouble.isOn(.pbsListsPart) { listed = listed.filter { _ in run.chance(0.6) } }
      // Of a job that is just starting or ending, one table says this and another that.
      let lies = trouble.isOn(.pbsContradicts)
      return JobListing(
        all: Set(listed.map(\.job.id)),
        running: Set(
          listed.filter { $0.job.isRunning != (lies && run.chance(0.3)) }.map(\.job.id)))
    }
  }

  func changes() async throws(PBSError) -> JobStat? { nil }

  func stat(_ ids: [String]) async throws(PBSError) -> JobStat {
    let ids = ids.sorted()
    let stat = try await command { [run] () throws(PBSError) in
      var stat = JobStat(jobs: [], unknown: [])
      for id in ids {
        if run.trouble.isOn(.pbsUnreadable), run.chance(0.5) {
          stat.unreadable.insert(id)
        } else if let entry = run.pbs.entries[id] {
          stat.jobs.append(entry.told)
        } else {
          stat.unknown.insert(id)
        }
      }
      return stat
    }
    run.knowledge.told(name, stat)
    return stat
  }

  func delete(_ id: String, of owner: String?, force: Bool) async throws(PBSError) {
    try await command { [run, name] () throws(PBSError) in
      run.history.note("\(name): qdel \(id)\(force ? " by force" : "")")
      run.judge.deletes(id, by: name, force: force)
      try run.pbs.delete(id, force: force)
    }
  }

  func change(_ id: String, of owner: String?, _ change: JobChange) async throws(PBSError) {
    try await command { [run, name] () throws(PBSError) in
      run.history.note("\(name): changes \(id): \(change)")
      try run.pbs.change(id, change)
    }
  }

  func server() async throws(PBSError) -> String {
    try await command { () throws(PBSError) in "pbsserver" }
  }

  func hosts() async throws(PBSError) -> PBSHosts {
    try await command { [run] () throws(PBSError) in
      // A server that has just started calls all of them down until they have reported.
      var hosts = PBSHosts(
        vnodes: run.pbs.hosts.map {
          PBSVnode(
            name: $0, host: $0, isDown: run.pbs.down.contains($0) || run.pbs.hasJustStarted)
        })
      hosts.down = hosts.calledDown
      return hosts
    }
  }
}
