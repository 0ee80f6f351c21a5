import Shared

/// Which PBS host is which Kubernetes node: by the table in the configuration, by equal
/// names, or by a short name and a full one whose first label it is.
struct HostMap: Sendable {
  /// PBS host to node, from the configuration.
  var table: [String: String] = [:]
  /// Kubernetes' nodes.
  var nodes: Set<String> = []

  func node(of host: String) -> String? {
    if let node = table[host] { return node }
    if nodes.contains(host) { return host }
    let short = Self.short(host)
    let matches = nodes.filter { node in
      // One of the two must be the short form: a.x is not a.y.
      Self.short(node) == short && (node == short || host == short)
    }
    return matches.count == 1 ? matches.first : nil
  }

  /// The PBS host of a node; the node's own name where no host is known to differ.
  func host(of node: String) -> String? {
    if let host = table.first(where: { $0.value == node })?.key { return host }
    return nodes.contains(node) ? node : nil
  }

  private static func short(_ name: String) -> String {
    String(name.prefix { $0 != "." })
  }
}
