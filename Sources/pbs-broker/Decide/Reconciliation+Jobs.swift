/// Which of several jobs of one pod stays, and how the others go.
extension Reconciliation {
  /// Of several jobs of one pod the running one stays, else the older; in any case one that PBS knows
  /// and vouches for.
  static func keeper(of jobs: [Job], doubtful: Set<String> = []) -> Job? {
    jobs.min { a, b in
      let ranks = [a, b].map { rank($0) + (doubtful.contains($0.id) ? 10 : 0) }
      return ranks[0] == ranks[1] ? a.sequence < b.sequence : ranks[0] < ranks[1]
    }
  }

  private static func rank(_ job: Job) -> Int {
    switch job.state {
    case .running: 0
    case .suspended, .userSuspended: 1
    case .exiting: 3
    default: 2
    }
  }

  /// Deletes the pod's other jobs. What is known of this one must be no older than they are: since
  /// then it may have gone, and one of them may have been submitted in its place.
  static func releasingDoubles(of job: Job, _ situation: Situation) -> Decision {
    let others = situation.jobs.filter { $0.id != job.id }
    let knownAt = { (job: Job) in situation.knownAt[job.id] ?? 0 }
    guard others.allSatisfy({ knownAt($0) <= knownAt(job) }) else {
      return Decision(unconfirmed: job.id)
    }
    return releasing(others, "job \(job.id) stands for the same pod")
  }

  /// That PBS has started the job where a taint keeps the pod off, or outside of the cluster; nil
  /// where neither is so.
  static func misplacement(_ job: Job, _ situation: Situation) -> Decision.Misplacement? {
    if situation.isOutsideCluster, let host = job.host {
      return .init(
        job: job.id, node: situation.hostMap.hostName(host),
        words: "PBS chose \(host), which is not a node of this cluster")
    }
    guard let node = situation.hostMap.node(of: job), let taint = situation.untolerated(node)
    else { return nil }
    return .init(
      job: job.id, node: node,
      words:
        "PBS chose \(node), which has the taint \(taint.text) that the pod does not tolerate")
  }

  static func releasing(_ jobs: [Job], _ reason: String) -> Decision {
    Decision(deletions: jobs.map { .init(job: $0.id, reason: reason) })
  }
}
