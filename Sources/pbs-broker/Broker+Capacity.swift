import Kubernetes
import Runtime

/// What is said of hosts that do not agree with their nodes.
extension Broker {
  /// Compares all hosts with their nodes, now and then.
  func sayCapacity() {
    guard world.syncedSince != nil, world.cluster?.nodeUse == true, world.hostMap.knowsHosts,
      capacityNews.isDue(now: clock.now)
    else { return }
    for line in capacityNews.lines(of: doctor.reports()) {
      log.log(level: line.isWarning ? .warning : .notice, "\(line.text)")
    }
  }

  private var doctor: Doctor {
    var jobless: [String: Amounts] = [:]
    for record in world.pods.values where record.isPresent && record.jobs.isEmpty {
      guard let pod = record.pod, let node = pod.nodeName, !pod.isFinished,
        pod.metadata.annotations?[WellKnown.jobID] == nil
      else { continue }
      jobless[node, default: Amounts()] += Amounts(of: PodNeeds(pod.spec))
    }
    return Doctor(
      hostMap: world.hostMap, nodes: world.nodes, uses: world.ledger.uses, jobless: jobless,
      policy: settings.policy)
  }
}
