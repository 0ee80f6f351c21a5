import Kubernetes

/// What is known of nodes besides their names.
struct NodeFacts: Sendable {
  /// Brokers that are to act on nodes, by the nodes' UIDs.
  var owners: [String: String] = [:]
  /// The taints of nodes that have some, by name; but for our own, which is about PBS's word, and
  /// no pod with a job of PBS needs that a second time.
  private(set) var taints: [String: [Taint]] = [:]
  /// The same by hosts of PBS; nil until somebody asks.
  private var hosts: HostTaints?
  /// Since when jobs of pods that wait have been seen on hosts that are no nodes, by host.
  var hostsWithoutNode: [String: Double] = [:]
  /// How often taints, or the hosts that have them, have changed.
  private(set) var changes = 0

  /// - Returns: whether its taints have changed.
  mutating func update(_ node: Node) -> Bool {
    let new = node.effectiveTaints.filter { !$0.isOffline }.map { taint in
      // When it came does not matter, and differs from node to node.
      var taint = taint
      taint.timeAdded = nil
      return taint
    }
    let before = taints.removeValue(forKey: node.metadata.name) ?? []
    if !new.isEmpty { taints[node.metadata.name] = new }
    guard new != before else { return false }
    hosts?.set(new, of: node.metadata.name)
    changes += 1
    return true
  }

  /// Taints by hosts; found anew only where hosts or nodes have other names than at the last call.
  mutating func taints(of map: HostMap) -> HostTaints {
    if let hosts { return hosts }
    let new = HostTaints(taints, on: map)
    hosts = new
    return new
  }

  /// Hosts or nodes have other names.
  mutating func forgetHosts() {
    hosts = nil
    hostsWithoutNode = [:]
    changes += 1
  }

  mutating func remove(_ node: Node) {
    taints[node.metadata.name] = nil
    forgetHosts()
    if let uid = node.metadata.uid { owners[uid] = nil }
  }
}
