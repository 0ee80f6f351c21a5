import Shared

/// Which PBS host is which Kubernetes node: by the table in the configuration, by equal
/// names, or by a short name and a full one whose first label it is.
struct HostMap: Sendable {
  /// PBS host to node, from the configuration.
  var table: [String: String] = [:]
  /// Kubernetes' nodes.
  var nodes: Set<String> = []
  /// PBS's hosts; none while PBS has not named them.
  var hosts = PBSHosts()

  func node(of host: String) -> String? {
    if let node = table[host] { return node }
    return Self.match(host, among: nodes)
  }

  /// The PBS host of a node; the node's own name while PBS has not named its hosts.
  func host(of node: String) -> String? {
    if let host = table.first(where: { $0.value == node })?.key { return host }
    guard nodes.contains(node) else { return nil }
    guard !hosts.all.isEmpty else { return node }
    // What another entry of the table speaks for is not this node's.
    return Self.match(node, among: hosts.all.filter { table[$0] == nil })
  }

  /// The name itself, or the only one that is its short or its full form: one of the two must be
  /// the short form, since a.x is not a.y.
  private static func match(_ name: String, among names: Set<String>) -> String? {
    if names.contains(name) { return name }
    let short = short(name)
    let matches = names.filter { other in
      Self.short(other) == short && (other == short || name == short)
    }
    return matches.count == 1 ? matches.first : nil
  }

  private static func short(_ name: String) -> String {
    String(name.prefix { $0 != "." })
  }
}
