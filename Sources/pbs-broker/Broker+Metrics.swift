import ConnectorMetrics
import FoundationEssentials
import Kubernetes
import Monitoring
import Runtime
import Wire

/// What the broker shows of itself.
extension Broker {
  /// Registers what the broker needs in order to work, and what it tells when it is asked. Where
  /// kube-watcher stands by, another host's broker works, and this one is as ready as it can be.
  func watch(by monitor: Monitor, _ publisher: Publisher) {
    let readiness = monitor.readiness
    readiness.require("kube-watcher", for: .start) { [unowned self] in
      if subscription.serverStandsBy { return nil }
      if !subscription.isConnected { return "not connected" }
      return world.syncedSince == nil ? "it has not told all yet" : nil
    }
    readiness.require("pbs", for: .start) { [unowned self] in
      if poller.isAway { return "PBS does not answer" }
      return comparedOnce || subscription.serverStandsBy ? nil : "it has not been polled yet"
    }
    readiness.require("binder") { publisher.sharers.isEmpty ? "none is connected" : nil }
    monitor.collect { [unowned self] in collect($0, publisher) }
    monitor.finish = { [unowned self] in
      // All of them stop at once.
      async let deletions: Void = deleter.drain()
      async let changes: Void = alterer.drain()
      await submitter.drain()
      _ = await (deletions, changes)
    }
  }

  private func collect(_ registry: MetricRegistry, _ publisher: Publisher) {
    registry.replace(Metric.subscribers, publisher.roles)
    registry.replace(Metric.subscriptions, [[]: subscription.isConnected ? 1 : 0])
    var pods: [[String]: Double] = [:]
    for record in world.pods.values where record.pod != nil || !record.jobs.isEmpty {
      pods[[record.namespace, state(of: record)], default: 0] += 1
    }
    registry.replace(Metric.pods, pods)
    var jobs: [[String]: Double] = [:]
    for known in world.jobs.values {
      jobs[[known.job.pod?.namespace ?? "", known.job.state.word], default: 0] += 1
    }
    registry.replace(Metric.jobs, jobs)
    registry.replace(
      Metric.queueDepth,
      [
        ["submissions"]: Double(submitter.waiting), ["deletions"]: Double(deleter.jobs.count),
        ["messages"]: Double(outbox.openCount),
      ])
    Metric.submissionsPaused.set(submitter.isPaused)
    registry.replace(Metric.hostFindings, hostWatch.findings)
    Metric.vanishBrake.set(Double(poller.judge.doubted.count))
    Metric.absenceBrake.set(Double(absence.doubted.count))
    Metric.pbsUp.set(!poller.isAway)
    Metric.doubledJobs.set(Double(world.pods.values.count { $0.jobs.count > 1 }))
    for use in ConnectionUse.allCases {
      guard let (made, most) = backend.connections(for: use) else { continue }
      Metric.pbsConnectionsPerMinute.set(Double(made), "\(use)")
      Metric.pbsConnectionLimit.set(Double(most), "\(use)")
    }
  }

  /// Counts a pod that cannot become a job, once for the same words.
  func countRefusal(of record: PodRecord, _ situation: Situation) {
    guard case .failure(let refusal) = situation.translation, refusal.kind == .cannot,
      record.pod?.nodeName == nil, record.countedRefusal != refusal.description
    else { return }
    record.countedRefusal = refusal.description
    Metric.refusals.count(1, record.namespace, "translation")
  }

  /// Counts a pod whose deletion is asked for.
  /// - Parameter job: the job that it was bound for.
  func countEviction(of record: PodRecord, _ job: String) {
    let reason =
      switch world.jobs[job]?.job.state {
      case .queued, .held, .waiting, .transit: "requeued"
      case .moved: "moved"
      case .begun, .running, .suspended, .userSuspended: "restarted"
      case .exiting: "ending"
      case .finished, .expired, nil: "ended"
      }
    Metric.evictionsAsked.count(1, record.namespace, reason)
  }

  private func state(of record: PodRecord) -> String {
    guard let pod = record.pod, record.isPresent else { return "missing" }
    if pod.isFinished { return "finished" }
    if pod.isTerminating { return "terminating" }
    if pod.nodeName != nil { return "bound" }
    if pod.isGated { return "gated" }
    if record.isSubmitting { return "submitting" }
    if record.jobs.isEmpty { return record.refusal == nil ? "waiting" : "refused" }
    let runs = record.jobs.contains { world.jobs[$0]?.job.isRunning == true }
    return runs ? "starting" : "queued"
  }
}

extension PodRecord {
  /// Puts the time since the pod's creation into a histogram.
  /// - Parameter now: the time of day on this host.
  func observeAge(_ metric: Metric, at now: Date) {
    guard let text = pod?.metadata.creationTimestamp, let created = Timestamp.parse(text) else {
      return
    }
    metric.observe(max(now.timeIntervalSince(created), 0))
  }
}

extension Job.State {
  /// For metrics.
  var word: String {
    switch self {
    case .queued: "queued"
    case .held: "held"
    case .waiting: "waiting"
    case .transit: "transit"
    case .begun: "begun"
    case .running: "running"
    case .suspended, .userSuspended: "suspended"
    case .exiting: "exiting"
    case .moved: "moved"
    case .finished, .expired: "finished"
    }
  }
}
