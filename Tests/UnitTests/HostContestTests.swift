import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Hosts of PBS that could be the same node: one that has no better right to it than another is not
/// that node, and no pod is bound there by its jobs. Vnodes as in ``HostMapTests``.
@Suite struct HostContestTests {
  typealias Sides = HostMapTests.Sides

  static let sides = [
    // Two domains, and one node with the first label of both.
    Sides(
      nodes: ["node1"], vnodes: ["node1.a.org", "node1.b.org"],
      nodeOf: ["node1.a.org": nil, "node1.b.org": nil, "node1": nil], hostOf: ["node1": nil]),
    // The name itself is a better right than its first label.
    Sides(
      nodes: ["node1"], vnodes: ["node1", "node1.other.org"],
      nodeOf: ["node1": "node1", "node1.other.org": nil], hostOf: ["node1": "node1"]),
    Sides(
      nodes: ["node1.a.org"], vnodes: ["node1.a.org", "node1"],
      nodeOf: ["node1.a.org": "node1.a.org", "node1": nil], hostOf: ["node1.a.org": "node1.a.org"]),
    // A host's name is a better right than that of one of its vnodes.
    Sides(
      nodes: ["node1"], vnodes: ["node1@other", "node1"], nodeOf: ["node1": "node1", "other": nil],
      hostOf: ["node1": "node1"]),
    // One host has a node's name, the other its label: nobody knows which it is.
    Sides(
      nodes: ["a@b"], vnodes: ["a", "b"], nodeOf: ["a": nil, "b": nil], hostOf: ["a": nil]),
    // An entry tells.
    Sides(
      table: ["a": "a"], nodes: ["a@b"], vnodes: ["a", "b"], nodeOf: ["a": "a", "b": nil],
      hostOf: ["a": "a"]),
    Sides(
      table: ["node1.b.org": "node1"], nodes: ["node1"], vnodes: ["node1.a.org", "node1.b.org"],
      nodeOf: ["node1.a.org": nil, "node1.b.org": "node1"], hostOf: ["node1": "node1.b.org"]),
    // Entries that differ in case alone, and name two nodes.
    Sides(
      table: ["Mom1": "node1", "mom1": "node2"], nodes: ["node1", "node2"], vnodes: ["mom1"],
      nodeOf: ["mom1": nil], hostOf: ["node1": nil, "node2": nil]),
    // A host by its first label, as exec_host has it.
    Sides(
      table: ["mom1.site.org": "node1"], nodes: ["node1"], vnodes: ["mom1.site.org"],
      nodeOf: ["mom1": "node1"], hostOf: ["node1": "mom1.site.org"]),
  ]

  @Test(arguments: sides)
  func oneHostAtMostIsANode(_ sides: Sides) {
    let map = sides.map
    for (host, node) in sides.nodeOf { #expect(map.node(of: host) == node, "host \(host)") }
    for (node, host) in sides.hostOf { #expect(map.match(node: node).only == host, "node \(node)") }
  }

  /// Whatever the names, no two hosts without an entry are one node.
  @Test func noTwoHostsAreOneNode() {
    let names = ["a", "a.x", "a.y", "b", "b.x"]
    let vnodes = names.flatMap { host in names.map { PBSVnode(name: $0, host: host) } }
    for node in names {
      for label in names {
        for first in vnodes {
          for second in vnodes where second.host != first.host && second.name != first.name {
            let map = HostMap(
              nodes: [Node(node, hostname: label)], hosts: PBSHosts(vnodes: [first, second]))
            let found = [first.host, second.host].compactMap { map.node(of: $0) }
            #expect(found.count < 2, "node \(node) (\(label)), vnodes \(first), \(second)")
          }
        }
      }
    }
  }

  @Test func whoseNodeItCouldBeIsTold() {
    let map = HostMap(
      nodes: [Node("node1")],
      hosts: PBSHosts(
        vnodes: ["node1.a.org", "node1.b.org"].map { PBSVnode(name: $0, host: $0) }))
    #expect(
      map.unmatched().errors == [
        "node node1 could be host node1.a.org, host node1.b.org: an entry in pbs-broker.hosts tells"
      ])
  }

  /// exec_host has the first label of a host's name only; exec_vnode tells which of two it is.
  @Test func aJobsNodeIsThatOfItsVnodes() {
    let map = HostMap(
      nodes: [Node("node1.a.org"), Node("node1.b.org")],
      hosts: PBSHosts(
        vnodes: [
          PBSVnode(name: "node1.a.org", host: "node1.a.org"),
          PBSVnode(name: "gpu7", host: "node1.b.org"),
        ]))
    var job = Job.with("5.s", .running, substate: 42)
    job.execHost = "node1/0"
    #expect(map.node(of: job) == nil)
    job.chunks = [.init(vnode: "gpu7", resources: ["ncpus": "1"])]
    #expect(map.node(of: job) == "node1.b.org")
    // A vnode that PBS has not named yet: the host's name counts.
    job.chunks = [.init(vnode: "new", resources: ["ncpus": "1"])]
    job.execHost = "node1.a.org/0"
    #expect(map.node(of: job) == "node1.a.org")
    // Vnodes of two hosts.
    job.chunks = [
      .init(vnode: "gpu7", resources: [:]), .init(vnode: "node1.a.org", resources: [:]),
    ]
    #expect(map.node(of: job) == "node1.a.org")
  }
}
