/// Hosts of PBS that are no nodes of the cluster.
extension World {
  /// Whether a job runs on a host that has been no node for long enough: names that kube-watcher or
  /// PBS tells late, and nodes that come back, have had their time.
  /// - Parameter patience: seconds.
  func isOutsideCluster(_ job: Job, patience: Double, now: Double) -> Bool {
    guard let host = job.host, syncedSince != nil, hostMap.knowsHosts,
      hostMap.node(of: job) == nil
    else { return false }
    let since = nodeFacts.hostsWithoutNode[host] ?? now
    nodeFacts.hostsWithoutNode[host] = since
    return now - since >= max(patience, Self.roomSettling)
  }
}
