import Shared

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
      record.isPresent && record.jobs.isEmpty && record.pod?.nodeName != nil
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

  /// How many pods have jobs.
  var podsWithJobs: Int { pods.values.filter { !$0.jobs.isEmpty }.count }
}
