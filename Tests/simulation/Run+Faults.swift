@testable import Runtime
@testable import pbs_broker

/// What each fault does.
extension Run {
  func begin(_ fault: Plan.Fault) {
    let seconds = fault.lasts
    if trap?.first == fault.kind { trap?.removeFirst() }
    history.note("fault: \(fault.kind.rawValue) for \(Int(seconds)) s")
    // A list that is empty for less than a second is none that a broker believes.
    if fault.kind == .pbsListsNothing, seconds < 0.85 {
      return pbs.restarted(listsLate: true)
    }
    trouble.begin(fault.kind, for: seconds)
    switch fault.kind {
    case .killWatcher: restart(fault.one(of: up(watchers)), after: min(seconds, 60))
    case .killBroker: restart(fault.one(of: up(brokers)), after: min(seconds, 60))
    case .killBinder: restart(fault.one(of: up(binders)), after: min(seconds, 60))
    case .stopWatcher: fault.one(of: up(watchers))?.stop(for: seconds)
    case .stopBroker: fault.one(of: up(brokers))?.stop(for: seconds)
    case .stopBinder: fault.one(of: up(binders))?.stop(for: seconds)
    case .brokerDeaf: fault.one(of: up(brokers))?.beDeaf(for: seconds)
    case .binderDeaf: fault.one(of: up(binders))?.beDeaf(for: seconds)
    case .brokerBlind:
      guard let broker = fault.one(of: up(brokers)) else { return }
      history.note("\(broker.name) cannot reach PBS")
      trouble.begin(fault.kind, of: broker.name, for: seconds)
    case .hostSuspended:
      let host = Int(fault.choice % 2)
      let stopped =
        plan.site == .twoHosts
        ? [watchers[host], brokers[host], binders[host]] : up(watchers + brokers + binders)
      for process in stopped { process.stop(for: seconds) }
    case .dateJumps:
      let shift = Double(fault.choice % 20000) - 10000
      dateShift.seconds.withLock { $0 = shift }
      later(seconds) { [unowned self] in dateShift.seconds.withLock { $0 = 0 } }
    case .secondBroker: secondBroker(for: seconds)
    case .secondBinder: double(binders, for: seconds)
    case .pbsAway, .pbsHangs:
      later(seconds) { [unowned self] in
        guard !trouble.isOn(.pbsAway), !trouble.isOn(.pbsHangs) else { return }
        pbs.restarted(listsLate: fault.choice % 2 == 0)
      }
    case .apiAway:
      for watcher in watchers { watcher.endWatches(broken: true) }
    case .watchesEnd:
      for watcher in watchers { watcher.endWatches(broken: fault.choice % 2 == 0) }
    case .watchesSilent:
      for watcher in watchers { watcher.silenceWatches() }
      // Noticed when bookmarks stay away.
      trouble.begin(fault.kind, for: 160 * scale)
    case .historyGone:
      api.compact()
      for watcher in watchers { watcher.endWatches(broken: true) }
    case .etcdRestored: restoreEtcd(fault)
    case .hintsBogus: hintOfNothing(fault)
    case .pbsLosesAnswers, .pbsBusy, .pbsSlow, .pbsListsNothing, .pbsListsPart, .pbsContradicts,
      .pbsUnreadable, .apiHangs, .apiErrs, .hintsMissing:
      break
    case .pbsLosesJobs, .jobDeleted, .jobRequeued, .jobRunsElsewhere, .jobHeld, .jobSuspended,
      .jobAltered, .jobMoved, .hostDown, .nodeNotReady:
      beginAtPBS(fault)
    case .podEdited, .podResized, .podTampered: editPod(fault)
    }
  }

  // MARK: Processes

  private func up(_ processes: [SimulatedProcess]) -> [SimulatedProcess] {
    processes.filter(\.isUp)
  }

  private func restart(_ process: SimulatedProcess?, after seconds: Double) {
    guard let process else { return }
    process.kill()
    later(seconds) { [unowned self] in if isMeantToRun(process) { process.start() } }
  }

  /// Where there is one of each, a second one comes and goes.
  func isMeantToRun(_ process: SimulatedProcess) -> Bool {
    guard plan.site == .single else { return true }
    if process === brokers[1] { return trouble.isOn(.secondBroker) }
    return process !== binders[1] || trouble.isOn(.secondBinder)
  }

  private func double(_ processes: [SimulatedProcess], for seconds: Double) {
    guard plan.site == .single, !processes[1].isUp else { return }
    processes[1].start()
    later(seconds) { processes[1].kill() }
  }

  private func secondBroker(for seconds: Double) {
    guard plan.site == .single, !brokers[1].isUp else { return }
    double(brokers, for: seconds)
    for binder in binders { binder.follow?(brokers[1].name) }
    // Its socket is not asked for ever after.
    later(seconds + 30) { [unowned self] in
      if !isMeantToRun(brokers[1]) { for binder in binders { binder.unfollow() } }
    }
  }

  // MARK: Kubernetes

  /// etcd is as it was up to an hour before; its servers are away meanwhile.
  private func restoreEtcd(_ fault: Plan.Fault) {
    // Versions that the cluster passes again before kube-watcher looks are a limit that is known.
    let older = snapshots.filter { $0.version + 100 < api.version }
    guard let former = fault.one(of: older) else { return }
    history.note("kubernetes: etcd goes back from \(api.version) to \(former.version)")
    trouble.begin(.apiAway, for: min(fault.lasts, 30))
    for watcher in watchers { watcher.endWatches(broken: true) }
    api.restore(former)
    // Until it is noticed, and until an administrator has said that what is gone is gone.
    trouble.begin(.etcdRestored, for: 60 * scale + 900)
  }

  /// A user changes a pod.
  private func editPod(_ fault: Plan.Fault) {
    let pods = api.pods.values.filter { !$0.isFinished && !$0.isTerminating }
      .sorted { $0.number < $1.number }
    let waiting = pods.filter { $0.node == nil }
    guard let pod = fault.one(of: waiting.isEmpty ? pods : waiting) else { return }
    let number = fault.choice / 64 % 4
    let edit: (inout SimulatedPod) -> Void
    switch fault.kind {
    case .podResized: edit = { $0.cpus = $0.cpus % 2 + 1 }
    case .podTampered:
      let texts = [nil, "1.pbsserver", "\(pod.number + 1).pbsserver", "nonsense"]
      edit = { $0.annotations["pbs-connector/job-id"] = texts[Int(number)] }
    default:
      let edits: [(String, String?)] = [
        ("walltime", "7200"), ("walltime", "01:00:00"), ("walltime", nil),
        ("hold", pod.annotations["pbs-connector/hold"] == nil ? "true" : nil),
      ]
      let (key, value) = edits[Int(number)]
      edit = { $0.annotations["pbs-connector/\(key)"] = value }
    }
    history.note("user: \(fault.kind.rawValue) \(pod.name) (\(number))")
    api.edit(pod.name) {
      edit(&$0)
      $0.editedAt = time.now
    }
  }
}
