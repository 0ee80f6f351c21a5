import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Which PBS host is which node, both ways. A vnode stands as "vnode@host", or as "host" where
/// the two are the same; a node as "name@label", or as "name" where its label is its name.
@Suite struct HostMapTests {
  struct Sides: Sendable, CustomTestStringConvertible {
    var table: [String: String] = [:]
    var nodes: [String]
    var vnodes: [String]
    /// Node by name of a host or vnode; nil for none.
    var nodeOf: [String: String?] = [:]
    /// Host by node.
    var hostOf: [String: String?] = [:]

    var map: HostMap {
      HostMap(
        table: table,
        nodes: nodes.map { text in
          let parts = text.split(separator: "@").map(String.init)
          return Node(parts[0], hostname: parts[parts.count - 1])
        },
        hosts: PBSHosts(
          vnodes: vnodes.map { text in
            let parts = text.split(separator: "@").map(String.init)
            return PBSVnode(name: parts[0], host: parts[parts.count - 1])
          }))
    }
    var testDescription: String { "\(table) \(nodes) \(vnodes)" }
  }

  static let sides = [
    // Equal names.
    Sides(
      nodes: ["node1"], vnodes: ["node1", "node2"], nodeOf: ["node1": "node1", "node2": nil],
      hostOf: ["node1": "node1", "node2": nil]),
    Sides(nodes: [], vnodes: ["node1"], nodeOf: ["node1": nil], hostOf: ["node1": nil]),
    // A short name and a full one whose first label it is, either way round.
    Sides(
      nodes: ["node1.site.org"], vnodes: ["node1"], nodeOf: ["node1": "node1.site.org"],
      hostOf: ["node1.site.org": "node1", "node1": nil]),
    Sides(
      nodes: ["node1"], vnodes: ["node1.site.org", "node10"], nodeOf: ["node1.site.org": "node1"],
      hostOf: ["node1": "node1.site.org"]),
    // Two full names of two sites are two machines.
    Sides(
      nodes: ["node1.a.org"], vnodes: ["node1.b.org"], nodeOf: ["node1.b.org": nil],
      hostOf: ["node1.a.org": nil]),
    // Equal names come before similar ones.
    Sides(
      nodes: ["node1", "node1.site.org"], vnodes: ["node1", "node1.site.org"],
      nodeOf: ["node1": "node1", "node1.site.org": "node1.site.org"],
      hostOf: ["node1": "node1", "node1.site.org": "node1.site.org"]),
    // Of two that it could be, it is neither.
    Sides(
      nodes: ["node1.a.org", "node1.b.org"], vnodes: ["node1"], nodeOf: ["node1": nil],
      hostOf: ["node1.a.org": nil, "node1.b.org": nil]),
    Sides(
      nodes: ["node1"], vnodes: ["node1.a.org", "node1.b.org"], hostOf: ["node1": nil]),
    // The beginning of a label is not the label.
    Sides(nodes: ["node10", "node11.site.org"], vnodes: ["node1"], nodeOf: ["node1": nil]),
    // Case does not count, and each side keeps its spelling.
    Sides(
      nodes: ["node1"], vnodes: ["Node1.Site.org"], nodeOf: ["node1.site.ORG": "node1"],
      hostOf: ["node1": "Node1.Site.org"]),
    // The table comes first.
    Sides(
      table: ["mom1": "node1"], nodes: ["node1"], vnodes: ["mom1"], nodeOf: ["mom1": "node1"],
      hostOf: ["node1": "mom1"]),
    Sides(
      table: ["MOM1": "Node1"], nodes: ["node1"], vnodes: ["mom1"], nodeOf: ["Mom1": "node1"],
      hostOf: ["node1": "mom1"]),
    Sides(
      table: ["node1": "node2"], nodes: ["node1", "node2"], vnodes: ["node1", "node2"],
      nodeOf: ["node1": "node2", "node2": nil], hostOf: ["node2": "node1", "node1": nil]),
    // An entry that names no node, or no host, is followed nowhere.
    Sides(
      table: ["node1": "nowhere"], nodes: ["node1"], vnodes: ["node1"], nodeOf: ["node1": nil],
      hostOf: ["node1": nil, "nowhere": nil]),
    Sides(
      table: ["mom1": "node1"], nodes: ["node1"], vnodes: ["node1"], nodeOf: ["node1": nil],
      hostOf: ["node1": nil]),
    // Vnodes that are not named after their hosts; the table may name either.
    Sides(
      table: ["vn1": "node1", "vn2": "node2"], nodes: ["node1", "node2"],
      vnodes: ["vn1@realhost1", "vn2@realhost2"],
      nodeOf: ["vn1": "node1", "realhost1": "node1", "realhost2": "node2"],
      hostOf: ["node1": "realhost1", "node2": "realhost2"]),
    Sides(
      table: ["realhost1": "node1"], nodes: ["node1"], vnodes: ["vn1@realhost1"],
      nodeOf: ["vn1": "node1"], hostOf: ["node1": "realhost1"]),
    Sides(
      nodes: ["realhost1"], vnodes: ["vn1@realhost1"], nodeOf: ["vn1": "realhost1"],
      hostOf: ["realhost1": "realhost1"]),
    Sides(
      nodes: ["vn1"], vnodes: ["vn1@realhost1"], nodeOf: ["realhost1": "vn1"],
      hostOf: ["vn1": "realhost1"]),
    // Several vnodes of one host.
    Sides(
      nodes: ["node1"], vnodes: ["node1", "node1[0]@node1", "node1[1]@node1"],
      nodeOf: ["node1[1]": "node1"], hostOf: ["node1": "node1"]),
    Sides(
      table: ["node1[0]": "a", "node1[1]": "b"], nodes: ["a", "b"],
      vnodes: ["node1[0]@node1", "node1[1]@node1"], nodeOf: ["node1": nil], hostOf: ["a": nil]),
    // A vnode named like another host is not that host.
    Sides(
      nodes: ["node1", "node2"], vnodes: ["node1@node2", "node2@node1"],
      nodeOf: ["node1": "node1"], hostOf: ["node1": "node1", "node2": "node2"]),
    // A node's label is a name of it, too.
    Sides(
      nodes: ["ip-10-0-0-7.internal@ip-10-0-0-7"], vnodes: ["ip-10-0-0-7"],
      nodeOf: ["ip-10-0-0-7": "ip-10-0-0-7.internal"],
      hostOf: ["ip-10-0-0-7.internal": "ip-10-0-0-7", "ip-10-0-0-7": nil]),
    Sides(
      nodes: ["other@rack9"], vnodes: ["rack9"], nodeOf: ["rack9": "other"],
      hostOf: ["other": "rack9", "rack9": nil]),
    Sides(
      nodes: ["a@rack9", "rack9@b"], vnodes: ["rack9"], nodeOf: ["rack9": nil],
      hostOf: ["a": nil, "rack9": nil]),
    // While PBS has not named its hosts, a job may tell of one, but no node has one.
    Sides(
      nodes: ["node1"], vnodes: [], nodeOf: ["node1": "node1", "node1.site.org": "node1"],
      hostOf: ["node1": nil]),
    Sides(
      table: ["mom1": "node1"], nodes: ["node1"], vnodes: [], nodeOf: ["mom1": "node1"],
      hostOf: ["node1": nil]),
  ]

  @Test(arguments: sides)
  func aHostHasANodeAndANodeAHost(_ sides: Sides) {
    let map = sides.map
    for (host, node) in sides.nodeOf { #expect(map.node(of: host) == node, "host \(host)") }
    for (node, host) in sides.hostOf { #expect(map.match(node: node).only == host, "node \(node)") }
    // A node's host is a host of that node.
    for node in map.nodes.all {
      if let host = map.match(node: node).only { #expect(map.node(of: host) == node) }
    }
  }

  @Test func whatItCouldBeIsTold() {
    let map = HostMap(
      nodes: [Node("node1.b.org"), Node("node1.a.org")],
      hosts: PBSHosts(vnodes: [PBSVnode(name: "node1", host: "node1")]))
    #expect(map.match(host: "node1") == .several(["node1.a.org", "node1.b.org"]))
  }

  @Test func nodesComeAndGo() {
    var map = HostMap(hosts: PBSHosts(vnodes: [PBSVnode(name: "rack9", host: "rack9")]))
    #expect(map.node(of: "rack9") == nil)
    let change1 = map.update(Node("other", hostname: "rack9"))
    #expect(change1)
    let change2 = map.update(Node("other", hostname: "rack9"))
    #expect(!change2)
    #expect(map.node(of: "rack9") == "other")
    #expect(map.nodes.labelled("rack9") == ["other"])
    let change3 = map.update(Node("other", hostname: "rack8"))
    #expect(change3)
    #expect(map.node(of: "rack9") == nil)
    #expect(map.nodes.labelled("rack9") == [])
    let change4 = map.update(
      Node("other", hostname: "rack9", labels: ["kubernetes.io/os": "linux"]))
    #expect(change4)
    map.removeNode("other")
    #expect(map.node(of: "rack9") == nil)
    #expect(map.nodes.all == [])
    #expect(map.nodes.platforms.isEmpty)
  }

  @Test func aLabelOfNoConcernChangesNothing() {
    var map = HostMap(nodes: [Node("node1", hostname: "node1")])
    let change5 = map.update(
      Node("node1", hostname: "node1", labels: ["example.com/heartbeat": "7"]))
    #expect(!change5)
  }

  @Test func onlyHostsOfPBSHaveToFulfilARequirement() {
    let hosts = PBSHosts(vnodes: [PBSVnode(name: "node1", host: "node1")])
    var map = HostMap(
      nodes: [
        Node("node1", labels: ["kubernetes.io/os": "linux"]),
        Node("win", labels: ["kubernetes.io/os": "windows"]),
      ], hosts: hosts)
    let isLinux = { (platform: NodeNames.Platform) in platform["kubernetes.io/os"] == "linux" }
    #expect(map.everyHost(fulfils: isLinux) == true)
    map.hosts.vnodes.append(PBSVnode(name: "win", host: "win"))
    #expect(map.everyHost(fulfils: isLinux) == false)
    // No node is a host: whether all are like that cannot be said.
    map.hosts.vnodes = [PBSVnode(name: "login", host: "login")]
    #expect(map.everyHost(fulfils: isLinux) == nil)
  }

  @Test func whatDoesNotMatchIsTold() {
    let map = HostMap(
      table: ["mom1": "nowhere", "gone": "node1", "mom2": "node2"],
      nodes: ["node1", "node2", "node3", "n.a", "n.b"].map { Node($0) },
      hosts: PBSHosts(
        vnodes: ["mom1", "mom2", "login", "n"].map { PBSVnode(name: $0, host: $0) }))
    let unmatched = map.unmatched()
    #expect(
      unmatched.errors == [
        "pbs-broker.hosts: mom1: there is no node nowhere",
        "pbs-broker.hosts: gone (node node1) is no host of PBS",
        "host n could be node n.a, node n.b: an entry in pbs-broker.hosts tells",
      ])
    #expect(
      unmatched.notes == [
        "hosts of PBS that are no nodes: login, mom1",
        "nodes that are no hosts of PBS: n.a, n.b, node1, node3",
      ])
  }

  @Test func whileSidesAreUnknownOnlyTheTableIsJudged() {
    let map = HostMap(table: ["mom1": "nowhere"], nodes: [Node("node1")])
    #expect(map.unmatched().errors == ["pbs-broker.hosts: mom1: there is no node nowhere"])
    #expect(map.unmatched().notes == [])
  }

  @Test func aLongListIsCut() {
    let map = HostMap(
      nodes: (100..<130).map { Node("n\($0)") },
      hosts: PBSHosts(vnodes: [PBSVnode(name: "n100", host: "n100")]))
    #expect(map.unmatched().notes.first?.hasSuffix("n120 and 9 more") == true)
  }
}
