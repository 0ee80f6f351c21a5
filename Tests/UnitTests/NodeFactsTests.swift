import Kubernetes
import Testing

@testable import pbs_broker

@Suite struct NodeFactsTests {
  private static func node(cordoned: Bool?, _ taints: [Taint] = []) -> Node {
    var node = Node(metadata: ObjectMeta(name: "node1"), ready: true)
    node.spec = NodeSpec(unschedulable: cordoned, taints: taints)
    return node
  }

  @Test func aCordonCountsBeforeItsTaintIsWritten() {
    var facts = NodeFacts()
    var changes = [facts.update(Self.node(cordoned: false))]
    changes.append(facts.update(Self.node(cordoned: true)))
    #expect(facts.taints["node1"] == [.unschedulable])
    // The controller's taint is no second one, and no news.
    var written = Taint.unschedulable
    written.timeAdded = "2026-01-01T00:00:00Z"
    changes.append(facts.update(Self.node(cordoned: true, [written])))
    #expect(facts.taints["node1"] == [.unschedulable])
    changes.append(facts.update(Self.node(cordoned: nil)))
    #expect(facts.taints.isEmpty)
    #expect(changes == [false, true, false, true])
  }
}
