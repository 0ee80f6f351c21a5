import Kubernetes

/// From which nodes the volumes of claims can be reached, or for which they can be provisioned, of those
/// of which that is not so for all.
struct ClaimReach: Sendable {
  private var selectors: [String: NodeSelector] = [:]
  /// Nodes by claim ("namespace/name").
  private(set) var nodes: [String: Set<String>] = [:]

  /// Takes in a claim as it is now.
  /// - Parameter all: all nodes.
  mutating func set(_ claim: VolumeClaim, among all: some Collection<Node>) {
    let selector = claim.reach
    selectors[claim.fullName] = selector
    nodes[claim.fullName] = selector.map { selector in
      Set(all.lazy.filter(selector.matches).map(\.metadata.name))
    }
  }

  mutating func remove(_ claim: String) {
    selectors[claim] = nil
    nodes[claim] = nil
  }

  /// Takes in a node as it is now.
  /// - Returns: whether more or fewer volumes can be reached from it.
  mutating func update(_ node: Node, before: Node?) -> Bool {
    guard !selectors.isEmpty, before?.metadata.labels != node.metadata.labels || before == nil
    else { return false }
    let name = node.metadata.name
    var isChanged = false
    for (claim, selector) in selectors {
      let matches = selector.matches(node)
      guard matches != nodes[claim]?.contains(name) else { continue }
      isChanged = true
      if matches { nodes[claim]?.insert(name) } else { nodes[claim]?.remove(name) }
    }
    return isChanged
  }

  mutating func removeNode(_ name: String) {
    for claim in selectors.keys { nodes[claim]?.remove(name) }
  }
}
