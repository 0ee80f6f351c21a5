import Kubernetes

extension World {
  /// Whether some pod is to go from its node, so that it matters whether that is down.
  var hasTerminatingPods: Bool {
    pods.values.contains { $0.pod?.isTerminating == true && $0.pod?.nodeName != nil }
  }

  /// Whether some submission waits for a poll.
  var isAwaitingPoll: Bool { pods.values.contains { $0.pollNeededAfter != nil } }

  /// Whether some bound pod names a job of which nothing is known.
  var hasNamedJobs: Bool {
    pods.values.contains { record in
      record.jobs.isEmpty && record.isPresent && record.pod?.nodeName != nil
        && record.pod?.metadata.annotations?[WellKnown.jobID] != nil
    }
  }

  /// UIDs of pods that have jobs of ours and that are missing from what kube-watcher tells.
  var missingPods: Set<String> {
    Set(
      pods.values.filter { record in
        !record.isGone && (record.pod == nil || record.missingSince != nil)
          && !ownJobs(of: record).isEmpty
      }.map(\.uid))
  }

  /// Whether hosts or nodes have other names than at the last call, and all nodes have been told.
  func takeNamesChanged() -> Bool {
    guard syncedSince != nil, isNamesChanged else { return false }
    isNamesChanged = false
    return true
  }

  /// How many pods have jobs.
  var podsWithJobs: Int { pods.values.filter { !$0.jobs.isEmpty }.count }

  /// Whose a job is, by all that is known.
  func ownership(of job: Job) -> JobOwnership {
    let ownership = JobOwnership.of(job, user: user, reliance: reliance, cluster: cluster)
    // One that we have submitted as another user, and that is his.
    guard ownership == .foreign, reliance == .required, let known = jobs[job.id]?.job,
      known.pod?.uid == job.pod?.uid,
      job.isOwned(by: known.ownerName)
    else { return ownership }
    return JobOwnership.of(job, user: known.ownerName, reliance: reliance, cluster: cluster)
  }

  /// Whether a job that PBS tells of is one to follow. One without proof is where we have submitted
  /// it, or had followed it before.
  func follows(_ job: Job) -> Bool {
    switch ownership(of: job) {
    case .ours, .unmarked: true
    case .unproven: jobs[job.id]?.job.pod?.uid == job.pod?.uid
    case .foreign: false
    }
  }

  /// The pod's jobs that are ours to act upon. One of before jobs said whose they are is adopted by
  /// the pod that it names, when that is there or was.
  func ownJobs(of record: PodRecord) -> [JobRecord] {
    record.jobs.compactMap { jobs[$0] }.filter { known in
      switch ownership(of: known.job) {
      case .ours, .unproven: true
      case .unmarked: record.pod != nil
      case .foreign: false
      }
    }
  }

  /// Whether the pod's host can be reached by neither Kubernetes nor PBS.
  func isHostAway(of record: PodRecord) -> Bool {
    guard let pod = record.pod, pod.isTerminating, let name = pod.nodeName else { return false }
    if let node = nodes[name], !node.isReady { return true }
    return hostMap.hosts.down.contains { hostMap.node(of: $0) == name }
  }
}
