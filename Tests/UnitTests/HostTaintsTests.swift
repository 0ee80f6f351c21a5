import Testing

@testable import Kubernetes
@testable import pbs_broker

/// Which hosts are left for a pod that does not tolerate all taints, without a look at each of them.
@Suite struct HostTaintsTests {
  private static let red = Taint(key: "example.org/color", value: "red")
  private static let blue = Taint(key: "example.org/color", value: "blue")

  private static func map(_ hosts: [String]) -> HostMap {
    HostMap(
      nodes: (hosts + ["control"]).map { Node(metadata: ObjectMeta(name: $0), ready: true) },
      hosts: PBSHosts(vnodes: (hosts + ["login"]).map { PBSVnode(name: $0, host: $0) }))
  }

  /// For a pod that tolerates nothing.
  private static func left(_ taints: HostTaints) -> HostTaints.Left {
    taints.left(naming: 2) { $0.first }
  }

  @Test func whatIsLeft() {
    let map = Self.map(["n1", "n2", "n3"])
    var taints = HostTaints(["control": [Self.red]], on: map)
    #expect(Self.left(taints) == .many)
    taints.set([Self.red], of: "n2")
    #expect(Self.left(taints) == .many)
    taints.set([Self.blue], of: "n1")
    #expect(Self.left(taints) == .one(host: "n3"))
    taints.set([Self.red], of: "n3")
    #expect(
      Self.left(taints)
        == .none(of: [("n1", Self.blue), ("n2", Self.red)], count: 3))
    taints.set([], of: "n2")
    #expect(Self.left(taints) == .one(host: "n2"))
    taints.set([], of: "n1")
    taints.set([], of: "n3")
    #expect(Self.left(taints) == .many && taints.groupCount == 1)
    #expect(taints.ofNodes == ["control": [Self.red]])
  }

  @Test func whoToleratesAllIsNotToldOfAnyHost() {
    let taints = HostTaints(["n1": [Self.red]], on: Self.map(["n1"]))
    #expect(taints.left(naming: 2) { _ in nil } == .many)
    #expect(HostTaints().left(naming: 2) { $0.first } == .many)
  }

  /// However many hosts there are, as many lists are looked at as there are different ones.
  @Test func manyHostsWithTheSameTaintsAreOne() {
    let names = (0..<1000).map { "n\($0)" }
    var taints = HostTaints(
      names.dropLast(2).reduce(into: [:]) { $0[$1] = [Self.red] }, on: Self.map(names))
    #expect(taints.groupCount == 2)
    var looks = 0
    let left = taints.left(naming: 2) { list in
      looks += 1
      return list.first
    }
    #expect(left == .many && looks <= 2)
    taints.set([Self.red], of: "n999")
    taints.set([Self.red, Self.blue], of: "n998")
    #expect(taints.groupCount == 2)
    #expect(
      Self.left(taints) == .none(of: [("n0", Self.red), ("n1", Self.red)], count: 1000))
  }

  /// NodeFacts find hosts again only where names have changed.
  @Test func factsFollowNodes() throws {
    var facts = NodeFacts()
    let map = Self.map(["n1", "n2"])
    var node = Node(metadata: ObjectMeta(name: "n1"), ready: true)
    var dated = Self.red
    dated.timeAdded = "2026-01-01T00:00:00Z"
    node.spec = NodeSpec(taints: [dated, .offline("down")])
    #expect(Self.left(facts.taints(of: map)) == .many)
    let changed = facts.update(node)
    #expect(changed && Self.left(facts.taints(of: map)) == .one(host: "n2"))
    dated.timeAdded = "2026-01-02T00:00:00Z"
    node.spec = NodeSpec(taints: [dated])
    let changedAgain = facts.update(node)
    #expect(!changedAgain)
    facts.forgetHosts()
    #expect(
      Self.left(facts.taints(of: Self.map(["n1"]))) == .none(of: [("n1", Self.red)], count: 1))
    facts.remove(node)
    #expect(Self.left(facts.taints(of: Self.map(["n1"]))) == .many)
  }
}
