import ConnectorMetrics
import Monitoring
import Runtime

/// What kube-watcher shows of itself.
extension Watcher {
  /// Registers what kube-watcher needs in order to work, and what it tells when it is asked. One that
  /// stands by needs nothing but another one that leads.
  /// - Parameter elects: whether it works only while it holds the Lease.
  func watch(by monitor: Monitor, elects: Bool) {
    leads = !elects
    let readiness = monitor.readiness
    readiness.require("synced", for: .start) { [unowned self] in
      if !leads { return anotherLeads ? nil : "neither this process leads nor is another known to" }
      return publisher.hasAll ? nil : "pods, nodes and claims are not all listed"
    }
    readiness.require("kubernetes") { [unowned self] in leads ? client.trouble : nil }
    readiness.require("pbs-broker") { [unowned self] in
      leads && publisher.sharers.isEmpty ? "none is connected" : nil
    }
    monitor.collect { [unowned self] registry in
      Metric.leader.set(leads)
      registry.replace(Metric.subscribers, publisher.roles)
      registry.replace(
        Metric.watchedObjects,
        [
          ["pods"]: Double(pods.count), ["nodes"]: Double(nodes.count),
          ["claims"]: Double(claims.all.count),
        ])
    }
  }
}
