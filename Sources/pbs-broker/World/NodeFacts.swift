import Kubernetes

/// What is known of nodes besides their names.
struct NodeFacts: Sendable {
  /// Brokers that are to act on nodes, by the nodes' UIDs.
  var owners: [String: String] = [:]
  /// The taints of nodes that have some, by name; but for our own, which is about PBS's word, and
  /// no pod with a job of PBS needs that a second time.
  private(set) var taints: [String: [Taint]] = [:]

  /// - Returns: whether its taints have changed.
  mutating func update(_ node: Node) -> Bool {
    let new = (node.spec?.taints ?? []).filter { !$0.isOffline }
    let before = taints.removeValue(forKey: node.metadata.name) ?? []
    if !new.isEmpty { taints[node.metadata.name] = new }
    return new != before
  }

  mutating func remove(_ node: Node) {
    taints[node.metadata.name] = nil
    if let uid = node.metadata.uid { owners[uid] = nil }
  }
}
