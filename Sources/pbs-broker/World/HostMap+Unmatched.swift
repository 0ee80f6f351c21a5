extension HostMap {
  /// What the two sides have that the other has not.
  struct Unmatched: Sendable, Equatable {
    /// Entries of `pbs-broker.hosts`, by host: they name a node that does not exist.
    var entriesWithoutNode: [String: String] = [:]
    /// Entries that name no host and no vnode of PBS.
    var entriesWithoutHost: [String: String] = [:]
    /// Hosts that could be more than one node; and nodes, more than one host.
    var ambiguous: [String: [String]] = [:]
    var hostsWithoutNode: [String] = []
    var nodesWithoutHost: [String] = []

    /// The names that a line holds at most.
    private static let most = 20

    /// What an administrator has to mend, a line each.
    var errors: [String] {
      entriesWithoutNode.sorted { $0.key < $1.key }
        .map { "pbs-broker.hosts: \($0.key): there is no node \($0.value)" }
        + entriesWithoutHost.sorted { $0.key < $1.key }
        .map { "pbs-broker.hosts: \($0.key) (node \($0.value)) is no host of PBS" }
        + ambiguous.sorted { $0.key < $1.key }
        .map { "\($0.key) could be \(Self.list($0.value)): an entry in pbs-broker.hosts tells" }
    }

    /// What may well be intended, a line each.
    var notes: [String] {
      var lines: [String] = []
      if !hostsWithoutNode.isEmpty {
        lines.append("hosts of PBS that are no nodes: \(Self.list(hostsWithoutNode))")
      }
      if !nodesWithoutHost.isEmpty {
        lines.append("nodes that are no hosts of PBS: \(Self.list(nodesWithoutHost))")
      }
      return lines
    }

    private static func list(_ names: [String]) -> String {
      let more = names.count - most
      return names.prefix(most).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
  }

  /// To be asked once both sides are known: it goes through all of them.
  func unmatched() -> Unmatched {
    var result = Unmatched()
    let names = Set(hosts.all.map { $0.lowercased() })
    for (host, node) in table {
      if nodes.spelled(node.lowercased()) == nil { result.entriesWithoutNode[host] = node }
      if knowsHosts, !names.contains(host.lowercased()) { result.entriesWithoutHost[host] = node }
    }
    for host in Set(hosts.vnodes.map(\.host)).sorted() {
      switch match(host: host) {
      case .none: result.hostsWithoutNode.append(host)
      case .several(let nodes): result.ambiguous["host \(host)"] = nodes.map { "node \($0)" }
      case .one: break
      }
    }
    guard knowsHosts else { return result }
    for node in nodes.all.sorted() {
      switch match(node: node) {
      case .none: result.nodesWithoutHost.append(node)
      case .several(let hosts): result.ambiguous["node \(node)"] = hosts.map { "host \($0)" }
      case .one: break
      }
    }
    return result
  }
}
