import Kubernetes
import Runtime

/// What is said of hosts that do not agree with their nodes.
extension Broker {
  /// Compares all hosts with their nodes, now and then.
  func sayCapacity() {
    hostWatch.tellNodes(world.nodes)
    guard world.syncedSince != nil, world.cluster?.nodeUse == true, world.hostMap.knowsHosts,
      hostWatch.isDue()
    else { return }
    hostWatch.tell(doctor.reports(), nodes: world.nodes)
    hostWatch.askForQueues()
  }

  /// Notes what is to be told of a pod that is about to be bound with more time to end than its
  /// job's queue gives it. What was bound before this broker was there has been told of.
  func noteKillDelay(of record: PodRecord, _ decision: Decision) {
    guard case .bind(let bind) = decision.message, record.longGrace == nil else { return }
    record.longGrace = hostWatch.delays.warning(
      grace: record.pod?.spec.terminationGracePeriodSeconds,
      queue: world.jobs[bind.job]?.job.queue)
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
      policy: settings.policy, syncsResources: settings.nodeSync.setsResources)
  }
}
