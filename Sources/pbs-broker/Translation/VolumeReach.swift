import Kubernetes

/// A volume that cannot be reached from all nodes.
struct VolumeReach: Sendable {
  /// "volume claim default/data".
  var claim: String
  var selector: NodeSelector
  /// The nodes from which it can be.
  var nodes: Set<String>

  /// What its only term asks for, where it asks for one value of each label.
  var values: [NodeSelectorRequirement]? {
    guard selector.nodeSelectorTerms.count == 1, let term = selector.nodeSelectorTerms.first,
      term.matchFields?.isEmpty ?? true, let expressions = term.matchExpressions,
      expressions.allSatisfy({ $0.operator == "In" && $0.values?.count == 1 })
    else { return nil }
    return expressions
  }
}

extension Placement {
  /// What follows from where the pod's volumes can be reached from, which all hosts may fulfil anyway.
  /// - Parameter pinned: nodes that the pod insists on otherwise.
  /// - Returns: the only node that is left, if only one is; and what keeps the pod from all.
  static func nodes(
    reaching volumes: [VolumeReach], pinned: Set<String>, in map: HostMap
  ) -> (only: (node: String, source: String)?, causes: [String]) {
    let hosts = Set(Set(map.hosts.vnodes.map(\.host)).compactMap { map.node(of: $0) })
    let limiting = volumes.filter { !hosts.isSubset(of: $0.nodes) }
    guard !limiting.isEmpty else { return (nil, []) }
    let words = limiting.map(\.claim).sorted().joined(separator: ", ")
    let left = limiting.reduce(hosts) { $0.intersection($1.nodes) }
    if !pinned.isEmpty {
      let causes = pinned.subtracting(left).sorted().map {
        "\(words): its volume cannot be reached from \($0)"
      }
      return (nil, causes)
    }
    if left.count == 1, let node = left.first { return ((node, words), []) }
    guard !left.isEmpty else {
      return (nil, ["\(words): its volume can be reached from no node that is a host of PBS"])
    }
    return (
      nil,
      [
        "\(words): its volume can be reached from \(left.count) of the \(hosts.count) hosts alone, which cannot be honoured by PBS"
      ]
    )
  }
}

extension HostMap {
  /// The only host that is left beside the hosts of these nodes; nil where there are several or none.
  func onlyHost(avoiding nodes: Set<String>) -> String? {
    guard !nodes.isEmpty else { return nil }
    let left = Set(hosts.vnodes.map(\.host)).filter { host in
      node(of: host).map { !nodes.contains($0) } ?? false
    }
    return left.count == 1 ? left.first : nil
  }
}
