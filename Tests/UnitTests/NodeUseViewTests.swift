import Testing

@testable import Kubernetes
@testable import KubernetesClient
@testable import Messages
@testable import Runtime
@testable import kube_watcher

/// The sums that kube-watcher keeps of pods that are not ours; no server is asked.
@Suite(.runningLoop)
struct NodeUseViewTests {
  @EventLoop private final class Told {
    let view = NodeUseView()
    private(set) var uses: [NodeUse] = []
    private(set) var lists = 0

    init() {
      view.onChange = { [unowned self] in uses.append($0) }
      view.onList = { [unowned self] in lists += 1 }
    }

    func take() -> [NodeUse] {
      defer { uses = [] }
      return uses.sorted { $0.node < $1.node }
    }

    func list(_ pods: [HeldPod], unreadable: [UnreadableObject] = []) {
      var listing = Listing<HeldPod>()
      listing.objects = pods
      listing.unreadable = unreadable
      view.replace(listing)
    }
  }

  private static func pod(
    _ uid: String, _ cpu: Int = 100, on node: String = "node1", _ holder: HeldPod.Holder = .others
  ) -> HeldPod {
    HeldPod(uid: uid, node: node, holder: holder, amounts: Amounts(milliCPU: cpu, pods: 1))
  }

  private static func use(
    _ node: String = "node1", daemons: Int = 0, others: Int = 0, count: Int = 1
  ) -> NodeUse {
    var use = NodeUse(node: node)
    if daemons > 0 { use.daemons = Amounts(milliCPU: daemons, pods: count) }
    if others > 0 { use.others = Amounts(milliCPU: others, pods: count) }
    return use
  }

  @Test @EventLoop func aListIsToldNodeByNode() {
    let told = Told()
    told.list([Self.pod("a"), Self.pod("b", 200), Self.pod("c", on: "node2", .daemons)])
    #expect(told.take() == [Self.use(others: 300, count: 2), Self.use("node2", daemons: 100)])
    #expect(told.lists == 1)
    // The same again is no news.
    told.list([Self.pod("b", 200), Self.pod("a"), Self.pod("c", on: "node2", .daemons)])
    #expect(told.take().isEmpty && told.lists == 2)
    // What is not in a list has gone.
    told.list([Self.pod("a")])
    #expect(told.take() == [Self.use(others: 100), NodeUse(node: "node2")])
    #expect(told.view.all == [Self.use(others: 100)])
  }

  @Test @EventLoop func changesAreToldWhereTheyChangeSomething() {
    let told = Told()
    told.view.change(.present(Self.pod("a")))
    #expect(told.take() == [Self.use(others: 100)])
    told.view.change(.present(Self.pod("a")))
    #expect(told.take().isEmpty)
    // Resized.
    told.view.change(.present(Self.pod("a", 300)))
    #expect(told.take() == [Self.use(others: 300)])
    // Deleted, and not gone yet.
    told.view.change(.present(Self.pod("a", 300, .leaving)))
    var leaving = NodeUse(node: "node1")
    leaving.leaving = Amounts(milliCPU: 300, pods: 1)
    #expect(told.take() == [leaving])
    told.view.change(.gone(Self.pod("a", 300, .leaving)))
    #expect(told.take() == [NodeUse(node: "node1")])
    told.view.change(.gone(Self.pod("unknown")))
    #expect(told.take().isEmpty && told.view.all.isEmpty)
  }

  @Test func theServerLeavesOutWhatIsOurs() {
    #expect(
      NodeUseView.selector(excluding: ["batch", "pbs"])
        == "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed,spec.schedulerName!=batch,spec.schedulerName!=pbs"
    )
  }
}
