import Messages

/// PBS may lose its jobs and give their numbers again. A list of numbers looks then as if those jobs
/// were there, and the rest that is missing may be too little to be doubted. Only the pod that a job
/// itself names tells the two apart.
extension JobPoller {
  /// The pods whose jobs' numbers are another's now, of jobs that were on hosts or that pods name, by
  /// number.
  /// - Parameters:
  ///   - stat: of jobs as they are believed.
  ///   - expected: UIDs of the pods that name jobs.
  func formerPods(_ stat: [Job], expected: [String: Set<String>]) -> [String: Set<String>] {
    var former: [String: Set<String>] = [:]
    for job in stat {
      let isOurs = world.follows(job)
      let uid = job.pod?.uid
      var pods = (expected[job.id] ?? []).filter { $0 != uid || (!isOurs && job.hasEnded) }
      if let known = world.jobs[job.id], known.isOnHost, !actions.isDeleting(job.id),
        let before = known.job.pod?.uid, before != uid
      {
        pods.insert(before)
      }
      if !pods.isEmpty { former[job.id] = pods }
    }
    return former
  }

  /// A job that is listed and on a host as far as is known, and whose number would have been given
  /// again before those that are missing: numbers are given in order. nil where nothing is missing.
  func witness(_ listing: JobListing, asked: Set<String>) -> String? {
    let missing = asked.filter { !listing.all.contains($0) && world.jobs[$0]?.isOnHost == true }
    guard let first = missing.compactMap({ JobID($0)?.sequence }).min() else { return nil }
    let before = world.jobs.onHosts.compactMap { id in
      JobID(id).flatMap {
        $0.sequence < first && listing.all.contains(id) ? ($0.sequence, id) : nil
      }
    }
    return before.max { $0.0 < $1.0 }?.1
  }

  /// Those that are listed and on hosts as far as is known, and were not asked about.
  func unasked(_ listing: JobListing, asked: Set<String>) -> Set<String> {
    world.jobs.onHosts.intersection(listing.all).subtracting(asked)
      .subtracting(listing.changed.told)
  }

  /// Whether the job is on a host as that pod's, as far as is known.
  func isOnHost(_ job: LostJob) -> Bool {
    guard let known = world.jobs[job.id] else { return false }
    return known.isOnHost && known.job.pod?.uid == job.pod
  }

  /// The jobs of this number that would be missed: the one on a host, and those that pods name.
  func lost(_ id: String, expected: [String: Set<String>]) -> Set<LostJob> {
    var lost = Set((expected[id] ?? []).map { LostJob(id: id, pod: $0) })
    if let known = world.jobs[id], known.isOnHost, let pod = known.job.pod?.uid {
      lost.insert(LostJob(id: id, pod: pod))
    }
    return lost
  }
}
