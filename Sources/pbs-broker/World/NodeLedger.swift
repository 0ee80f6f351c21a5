import Kubernetes
import Messages

/// What nodes have and what pods hold of it, by Kubernetes' own account: what a kubelet will compare
/// a pod with. Pods of ours count from the moment at which they are to be bound, which kube-watcher
/// tells only later.
struct NodeLedger: Sendable {
  /// What one pod of ours holds.
  private struct Holding: Sendable {
    var node: String
    var amounts: Amounts
    var isLeaving: Bool
  }

  private var allocatable: [String: Amounts] = [:]
  /// How many nodes have some of a resource, by its name.
  private var nodesWith: [String: Int] = [:]
  private(set) var uses: [String: NodeUse] = [:]
  private var holdings: [String: Holding] = [:]
  /// Sums of ``holdings`` by node: of pods that stay, and of those that are being deleted.
  private var staying: [String: Amounts] = [:]
  private var leaving: [String: Amounts] = [:]

  // MARK: What is told

  mutating func update(_ node: Node) {
    removeNode(node.metadata.name)
    guard let all = node.status?.allocatable else { return }
    allocatable[node.metadata.name] = all
    for name in all.others.keys { nodesWith[name, default: 0] += 1 }
  }

  mutating func removeNode(_ name: String) {
    for name in allocatable.removeValue(forKey: name)?.others.keys ?? [:].keys {
      let count = (nodesWith[name] ?? 1) - 1
      nodesWith[name] = count > 0 ? count : nil
    }
  }

  mutating func update(_ use: NodeUse) {
    uses[use.node] = use.isEmpty ? nil : use
  }

  /// All uses will be told anew.
  mutating func forgetUses() {
    uses.removeAll()
  }

  /// Enters a pod of ours as it is.
  mutating func update(_ pod: Pod) {
    guard let uid = pod.metadata.uid else { return }
    guard let node = pod.nodeName, !pod.isFinished, !pod.isKeptByFinalizers else {
      // One that is about to be bound holds its place until ``release(_:)``.
      if pod.isFinished || pod.isTerminating { release(uid) }
      return
    }
    hold(uid, Amounts(of: PodNeeds(pod.spec)), on: node, isLeaving: pod.isTerminating)
  }

  /// A pod of ours is, or is to be, on a node.
  mutating func hold(_ uid: String, _ amounts: Amounts, on node: String, isLeaving: Bool = false) {
    release(uid)
    holdings[uid] = Holding(node: node, amounts: amounts, isLeaving: isLeaving)
    if isLeaving {
      leaving[node, default: Amounts()] += amounts
    } else {
      staying[node, default: Amounts()] += amounts
    }
  }

  /// A pod of ours holds nothing (any more).
  /// - Returns: the node of which it held something.
  @discardableResult
  mutating func release(_ uid: String) -> String? {
    guard let held = holdings.removeValue(forKey: uid) else { return nil }
    func take(_ sums: inout [String: Amounts]) {
      guard var sum = sums[held.node] else { return }
      sum -= held.amounts
      sums[held.node] = sum.isZero ? nil : sum
    }
    if held.isLeaving { take(&leaving) } else { take(&staying) }
    return held.node
  }

  // MARK: Questions

  /// Whether a pod holds its place on a node already.
  func holds(_ uid: String, on node: String) -> Bool { holdings[uid]?.node == node }

  /// Whether a node has too little left for a pod that is not there yet; nil when it has enough, or
  /// nothing is known of it.
  func shortage(for amounts: Amounts, on node: String) -> Shortage? {
    guard let all = allocatable[node] else { return nil }
    let use = uses[node] ?? NodeUse(node: node)
    return Shortage(
      asked: amounts, allocatable: all, isOfNodes: { nodesWith[$0] != nil },
      holders: [
        .init(who: "DaemonSets and static pods", amounts: use.daemons),
        .init(who: "native jobs", amounts: use.native, isPassing: true),
        .init(who: "pods of other schedulers", amounts: use.others),
        .init(who: "pods with jobs", amounts: staying[node] ?? Amounts()),
        .init(
          who: "pods that are ending", amounts: use.leaving + (leaving[node] ?? Amounts()),
          isPassing: true),
      ])
  }
}
