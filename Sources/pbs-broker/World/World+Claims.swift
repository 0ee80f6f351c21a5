import Kubernetes

extension World {
  func update(_ claim: VolumeClaim) {
    claims[claim.fullName] = claim
    claimReach.set(claim, among: nodes.values)
    told.note(claim)
    markWaiting(in: claim.namespace)
  }

  func removeClaim(namespace: String, name: String) {
    claims["\(namespace)/\(name)"] = nil
    claimReach.remove("\(namespace)/\(name)")
    markWaiting(in: namespace)
  }

  /// Enters whether a pod uses its claims: bound, with a job or about to get one, and not ended.
  func noteClaims(of record: PodRecord) {
    guard let pod = record.pod, !pod.claimNames.isEmpty else { return }
    let uses =
      !record.isGone && !pod.isFinished
      && (pod.nodeName != nil || !record.jobs.isEmpty || record.isSubmitting)
    let before = claimUsers
    claimUsers.set(pod, uses: uses)
    guard !uses, claimUsers != before else { return }
    // What it has let go, another may have waited for.
    markWaiting(in: pod.metadata.namespace)
  }
}
