import ManualTime
import Testing

@testable import Kubernetes
@testable import Messages
@testable import Runtime
@testable import Wire
@testable import pbs_broker

/// What binders are asked to show on nodes, and for how long that is remembered.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct NodeMarksTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test @EventLoop func aNodeThatIsGoneIsForgotten() throws {
    let clock = ManualClock()
    let log = LogLines().logger
    let publisher = try Publisher(
      path: "\(folder.path)/b.sock", role: .pbsBroker, instance: "broker-1", consumers: .binder,
      allowedPeers: [], clock: clock, log: log)
    let marks = NodeMarks(publisher: publisher, clock: clock, log: log)
    marks.owns = { _ in true }
    for name in ["node1", "node2"] {
      var node = Node(name)
      node.metadata.uid = "uid of \(name)"
      let reference = try #require(NodeReference(node))
      marks.want(
        MarkNode(node: reference, setsTaint: true, reason: "PBS calls its host down"),
        for: reference.uid)
    }
    #expect(marks.count == 2 && publisher.objects().count == 2)
    marks.forget("uid of node1")
    #expect(marks.count == 1 && publisher.objects().map(\.uid) == ["uid of node2"])
  }
}
