@testable import Runtime
@testable import pbs_broker

/// What each fault does.
extension Run {
  func begin(_ fault: Plan.Fault) {
    let seconds = fault.lasts
    history.note("fault: \(fault.kind.rawValue) for \(Int(seconds)) s")
    trouble.begin(fault.kind, for: seconds)
    switch fault.kind {
    case .killWatcher: restart(watcher, after: min(seconds, 60))
    case .killBroker: restart(of(brokers, fault), after: min(seconds, 60))
    case .killBinder: restart(of(binders, fault), after: min(seconds, 60))
    case .stopWatcher: watcher.stop(for: seconds)
    case .stopBroker: of(brokers, fault)?.stop(for: seconds)
    case .stopBinder: of(binders, fault)?.stop(for: seconds)
    case .pbsAway, .pbsHangs, .pbsLosesAnswers, .pbsBusy, .pbsListsNothing, .apiHangs, .apiErrs:
      break
    case .pbsLosesJobs: pbs.loseAll(countingAnew: fault.choice % 2 == 0)
    case .apiAway: for process in [watcher] { process.endWatches(broken: true) }
    case .watchesEnd: watcher.endWatches(broken: fault.choice % 2 == 0)
    case .watchesSilent:
      watcher.silenceWatches()
      // Noticed when bookmarks stay away.
      trouble.begin(fault.kind, for: 1300)
    case .historyGone:
      api.compact()
      watcher.endWatches(broken: true)
    case .jobDeleted: job(fault).map { pbs.end($0, words: "deleted by root", status: 271) }
    case .jobRequeued: job(fault).map(pbs.requeue)
    case .jobRunsElsewhere: job(fault).map(pbs.runElsewhere)
    case .jobHeld:
      guard let id = job(fault) else { return }
      pbs.hold(id)
      later(seconds) { [unowned self] in pbs.release(id) }
    case .jobSuspended:
      guard let id = job(fault) else { return }
      pbs.suspend(id)
      later(seconds) { [unowned self] in pbs.resume(id) }
    case .hostDown:
      let host = pbs.hosts[Int(fault.choice % UInt64(pbs.hosts.count))]
      pbs.set(host, isDown: true)
      later(seconds) { [unowned self] in
        hostBackAt = time.now
        pbs.set(host, isDown: false)
      }
    case .nodeNotReady:
      let host = pbs.hosts[Int(fault.choice % UInt64(pbs.hosts.count))]
      api.setNode(host, isReady: false)
      later(seconds) { [unowned self] in
        hostBackAt = time.now
        api.setNode(host, isReady: true)
      }
    case .secondBroker:
      guard !brokers[1].isUp else { return }
      double(brokers, for: seconds)
      for binder in binders { binder.follow?(brokers[1].name) }
      // Its socket is not asked for ever after.
      later(seconds + 30) { [unowned self] in
        if !brokers[1].isUp { for binder in binders { binder.unfollow() } }
      }
    case .secondBinder: double(binders, for: seconds)
    }
  }

  private func restart(_ process: SimulatedProcess?, after seconds: Double) {
    guard let process, process.isUp else { return }
    process.kill()
    later(seconds) { process.start() }
  }

  private func double(_ processes: [SimulatedProcess], for seconds: Double) {
    guard !processes[1].isUp else { return }
    processes[1].start()
    later(seconds) { processes[1].kill() }
  }

  /// One of those that run.
  private func of(_ processes: [SimulatedProcess], _ fault: Plan.Fault) -> SimulatedProcess? {
    let up = processes.filter(\.isUp)
    return up.isEmpty ? nil : up[Int(fault.choice % UInt64(up.count))]
  }

  private func job(_ fault: Plan.Fault) -> String? {
    let live = pbs.live
    return live.isEmpty ? nil : live[Int(fault.choice % UInt64(live.count))].job.id
  }
}
