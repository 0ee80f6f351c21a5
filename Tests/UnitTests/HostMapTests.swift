import Testing

@testable import pbs_broker

@Suite struct HostMapTests {
  /// The table, the nodes, a name, and the other side's name for it.
  typealias Case = ([String: String], Set<String>, String, String?)

  @Test(
    arguments: [
      ([:], ["node1"], "node1", "node1"),
      ([:], ["node1"], "node2", nil),
      ([:], [], "node1", nil),
      // A short name and a full one whose first label it is, either way round.
      ([:], ["node1.site.org"], "node1", "node1.site.org"),
      ([:], ["node1"], "node1.site.org", "node1"),
      // Two full names of two sites are two machines.
      ([:], ["node1.a.org"], "node1.b.org", nil),
      // Equal names come before similar ones.
      ([:], ["node1", "node1.site.org"], "node1", "node1"),
      ([:], ["node1", "node1.site.org"], "node1.site.org", "node1.site.org"),
      // Of two that it could be, it is neither.
      ([:], ["node1.a.org", "node1.b.org"], "node1", nil),
      // The beginning of a label is not the label.
      ([:], ["node10"], "node1", nil),
      ([:], ["node10.site.org"], "node1", nil),
      // The table comes first.
      (["mom1": "node1"], ["node1"], "mom1", "node1"),
      (["node1": "node2"], ["node1", "node2"], "node1", "node2"),
    ] as [Case])
  func aHostHasANode(
    _ table: [String: String], _ nodes: Set<String>, _ host: String, _ node: String?
  ) {
    #expect(HostMap(table: table, nodes: nodes).node(of: host) == node)
  }

  /// The table, the nodes, PBS's hosts, a node, and its host.
  typealias HostCase = ([String: String], Set<String>, Set<String>, String, String?)

  @Test(
    arguments: [
      // While PBS has not named its hosts, the node's own name.
      ([:], ["node1"], [], "node1", "node1"),
      ([:], ["node1"], [], "node2", nil),
      (["mom1": "node1"], ["node1"], [], "node1", "mom1"),
      (["mom1": "node1"], ["node1", "node2"], [], "node2", "node2"),
      // Then one of them.
      ([:], ["node1"], ["node1", "node2"], "node1", "node1"),
      ([:], ["node1"], ["node2"], "node1", nil),
      ([:], ["node1.site.org"], ["node1", "node2"], "node1.site.org", "node1"),
      ([:], ["node1"], ["node1.site.org", "node10"], "node1", "node1.site.org"),
      ([:], ["node1"], ["node1.a.org", "node1.b.org"], "node1", nil),
      ([:], ["node1.a.org"], ["node1.b.org"], "node1.a.org", nil),
      // The table comes first, also where PBS does not name the host.
      (["mom1": "node1"], ["node1"], ["node1"], "node1", "mom1"),
      (["node1": "node2"], ["node1", "node2"], ["node1", "node2"], "node1", nil),
    ] as [HostCase])
  func aNodeHasAHost(
    _ table: [String: String], _ nodes: Set<String>, _ hosts: Set<String>, _ node: String,
    _ host: String?
  ) {
    let map = HostMap(
      table: table, nodes: nodes,
      hosts: PBSHosts(vnodes: hosts.map { PBSVnode(name: $0, host: $0) }))
    #expect(map.host(of: node) == host)
  }
}
