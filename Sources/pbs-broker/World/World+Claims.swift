import Kubernetes

extension World {
  func update(_ claim: VolumeClaim) {
    claims[claim.fullName] = claim
    claimReach.set(claim, among: nodes.values)
    told.note(claim)
    markWaiting(for: claim.fullName)
  }

  func removeClaim(namespace: String, name: String) {
    claims["\(namespace)/\(name)"] = nil
    claimReach.remove("\(namespace)/\(name)")
    markWaiting(for: "\(namespace)/\(name)")
  }

  /// Enters whether a pod uses its claims: bound, with a job or about to get one, and not ended.
  func noteClaims(of record: PodRecord) {
    guard let pod = record.pod, !pod.claimNames.isEmpty else { return }
    let uses =
      !record.isGone && !pod.isFinished
      && (pod.nodeName != nil || !record.jobs.isEmpty || record.isSubmitting)
    // What it has let go, another may have waited for.
    for claim in claimUsers.set(pod, uses: uses) { markWaiting(for: claim) }
  }

  /// A claim has changed: pods that wait may be waiting for it.
  private func markWaiting(for claim: String) {
    for uid in directory.users(ofClaim: claim) where pods[uid]?.pod?.nodeName == nil {
      markChanged(uid)
    }
  }
}
