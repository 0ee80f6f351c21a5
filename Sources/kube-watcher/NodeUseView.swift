import Kubernetes
import KubernetesClient
import Messages
import Runtime

/// What pods that are not ours hold of each node: sums, and for each pod what it adds to them.
@EventLoop
final class NodeUseView {
  /// What is kept of a pod, by its UID.
  private struct Held {
    /// The same text for all pods of a node.
    var node: String
    var holder: HeldPod.Holder
    var amounts: Amounts
  }

  private var pods: [String: Held] = [:]
  private var uses: [String: NodeUse] = [:]

  /// Gets each node whose use has changed.
  var onChange: (@EventLoop (NodeUse) -> Void)?
  /// A list is complete.
  var onList: (@EventLoop () -> Void)?

  /// All nodes of which something is held.
  var all: [NodeUse] { Array(uses.values) }

  /// Pods on nodes that are not ours and have not ended: the server leaves the others out, and tells
  /// of a pod's end as of its deletion. (Kubernetes: "Field Selectors".)
  nonisolated static func selector(excluding schedulerNames: [String]) -> String {
    (["spec.nodeName!=", "status.phase!=Succeeded", "status.phase!=Failed"]
      + schedulerNames.map { "spec.schedulerName!=\($0)" }).joined(separator: ",")
  }

  /// Follows what the reflector hears.
  func follow(_ reflector: Reflector<HeldPod>) {
    reflector.onList = { [unowned self] in replace($0) }
    reflector.onChange = { [unowned self] in change($0) }
  }

  func forget() {
    pods.removeAll()
    uses.removeAll()
  }

  func replace(_ listing: Listing<HeldPod>) {
    let before = uses
    let unreadable = Set(listing.unreadable.compactMap(\.uid))
    let left = pods.filter { unreadable.contains($0.key) }
    forget()
    for (uid, held) in left { enter(uid, held.node, held.holder, held.amounts) }
    for pod in listing.objects { enter(pod.uid, pod.node, pod.holder, pod.amounts) }
    for node in Set(before.keys).union(uses.keys) where uses[node] != before[node] { tell(node) }
    onList?()
  }

  func change(_ change: Reflector<HeldPod>.Change) {
    switch change {
    case .present(let pod):
      let before = Set([pods[pod.uid]?.node ?? pod.node, pod.node]).map {
        uses[$0] ?? NodeUse(node: $0)
      }
      remove(pod.uid)
      enter(pod.uid, pod.node, pod.holder, pod.amounts)
      for use in before where uses[use.node] ?? NodeUse(node: use.node) != use { tell(use.node) }
    case .gone(let pod):
      if let node = remove(pod.uid) { tell(node) }
    }
  }

  private func enter(_ uid: String, _ node: String, _ holder: HeldPod.Holder, _ amounts: Amounts) {
    guard !node.isEmpty else { return }
    var use = uses[node] ?? NodeUse(node: node)
    use[holder] += amounts
    pods[uid] = Held(node: use.node, holder: holder, amounts: amounts)
    uses[node] = use
  }

  /// - Returns: the node that it was on.
  @discardableResult
  private func remove(_ uid: String) -> String? {
    guard let held = pods.removeValue(forKey: uid), var use = uses[held.node] else { return nil }
    use[held.holder] -= held.amounts
    uses[held.node] = use.isEmpty ? nil : use
    return held.node
  }

  private func tell(_ node: String) {
    onChange?(uses[node] ?? NodeUse(node: node))
  }
}
