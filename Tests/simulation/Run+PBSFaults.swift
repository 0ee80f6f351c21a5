import Messages

@testable import Runtime
@testable import pbs_broker

/// What happens to jobs and hosts.
extension Run {
  func beginAtPBS(_ fault: Plan.Fault) {
    let seconds = fault.lasts
    if fault.kind == .pbsLosesJobs { return pbs.loseAll(countingAnew: fault.choice % 2 == 0) }
    if fault.kind == .hostDown { return hostDown(fault) }
    if fault.kind == .nodeNotReady { return nodeNotReady(fault) }
    let live = pbs.live
    // What concerns those that wait meets nothing when most of them run.
    let waiting = live.filter(\.job.isWaiting)
    let concernsWaiting = [.jobHeld, .jobAltered, .jobMoved].contains(fault.kind)
    guard let entry = fault.one(of: concernsWaiting ? waiting : live) else { return }
    let id = entry.job.id
    switch fault.kind {
    case .jobDeleted: pbs.end(id, words: "deleted by root", status: 271)
    case .jobRequeued: pbs.requeue(id)
    case .jobRunsElsewhere: pbs.runElsewhere(id)
    case .jobHeld:
      pbs.hold(id, "o")
      later(seconds) { [unowned self] in pbs.release(id, "o") }
    case .jobSuspended:
      pbs.suspend(id)
      later(seconds) { [unowned self] in pbs.resume(id) }
    case .jobAltered: pbs.alter(id, cpus: Int(fault.choice / 64 % 2) + 1)
    case .jobMoved: pbs.move(id)
    default: break
    }
  }

  private func hostDown(_ fault: Plan.Fault) {
    guard let host = fault.one(of: pbs.hosts) else { return }
    history.note("pbs: \(host) is down")
    pbs.set(host, isDown: true)
    later(fault.lasts) { [unowned self] in
      hostBackAt = time.now
      pbs.set(host, isDown: false)
    }
  }

  private func nodeNotReady(_ fault: Plan.Fault) {
    guard let host = fault.one(of: pbs.hosts) else { return }
    api.setNode(host, isReady: false)
    later(fault.lasts) { [unowned self] in
      hostBackAt = time.now
      api.setNode(host, isReady: true)
    }
  }

  /// Hints of jobs to which nothing has happened, of none, and of others' servers.
  func hintOfNothing(_ fault: Plan.Fault) {
    let known = fault.one(of: pbs.entries.keys.sorted()) ?? "1.pbsserver"
    for text in [known, "999999.pbsserver", "1.elsewhere"] {
      guard let job = JobID(text) else { continue }
      later(20 * latency()) { [unowned self] in for broker in brokers { broker.hint(job) } }
    }
  }
}
