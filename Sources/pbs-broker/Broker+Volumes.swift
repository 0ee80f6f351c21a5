import Kubernetes
import Messages
import Runtime

/// Volumes that are provisioned once a pod's job runs.
extension Broker {
  /// Seconds for which a pod's next job is not to run where its volumes could not be made.
  private static let avoidance = 300.0

  /// What the pod's claims say to the node of its running job; nil where there is nothing to say.
  func volumes(of record: PodRecord, _ jobs: [JobRecord], _ now: Double) -> VolumeBinding? {
    guard world.cluster?.claims == true, let pod = record.pod, pod.nodeName == nil,
      !pod.claimNames.isEmpty, let job = Reconciliation.keeper(of: jobs.map(\.job)),
      job.isRunning, let node = world.hostMap.node(of: job)
    else {
      record.volumeWait = nil
      return nil
    }
    var wait = VolumeBinding.Wait(job: job.id, node: node, since: now)
    if let known = record.volumeWait, known.job == job.id, known.node == node { wait = known }
    let namespace = pod.metadata.namespace ?? "default"
    wait = wait.seeing(pod.claimNames.lazy.compactMap { self.world.claims["\(namespace)/\($0)"] })
    record.volumeWait = wait
    return VolumeBinding(
      of: pod, claims: world.claims, reach: world.claimReach, wait: wait,
      limit: settings.volumePatience, now: now)
  }

  /// Has claims get their nodes, and notes where that has led to nothing: the pod and those of its
  /// owner wait longer each time.
  func noteVolumes(of record: PodRecord, _ decision: Decision) {
    selections.want(decision.selections, for: record.uid)
    guard let unprovided = decision.unprovided, record.unprovided?.job != unprovided.job,
      let pod = record.pod
    else { return }
    let words = unprovided.failure.words
    let until = unprovided.failure.isOfNode ? clock.now + Self.avoidance : clock.now
    record.unprovided = (unprovided.job, unprovided.node, until)
    record.waitsFor = words
    if unprovided.failure.isOfNode {
      world.rejections.rejected(.ownerOrSelf(of: pod), reason: words, now: clock.now)
    }
    log.warning(
      "job \(unprovided.job) of pod \(record.name) is released: \(words)",
      metadata: .about(
        pod: record.name, uid: record.uid, job: unprovided.job, host: unprovided.node))
  }

  /// The nodes on which the pod's next job is not to run if another is left.
  func avoidedNodes(of record: PodRecord) -> Set<String> {
    guard let unprovided = record.unprovided, clock.now < unprovided.until else { return [] }
    return [unprovided.node]
  }
}
