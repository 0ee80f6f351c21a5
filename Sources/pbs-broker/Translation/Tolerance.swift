import Kubernetes

/// What taints of nodes mean for a pod's job, as far as PBS can be told: no job while no host is left,
/// `host=` where one is, and the resources of ``TranslationPolicy/taintResources``. Of the other taints
/// the pod is kept off after PBS has chosen (``Reconciliation``).
struct Tolerance {
  private(set) var waits: [String] = []
  /// The only host that is left, for `select=host=`.
  private(set) var host: String?
  /// Further resources of the select.
  private(set) var resources: [String: String] = [:]

  /// Taints that are named in one refusal at most.
  private static let most = 5

  /// - Parameter host: the one that the pod insists on anyway.
  init(_ pod: Pod, host: String?, in context: TranslationContext) {
    let policy = context.policy
    for (key, resource) in policy.taintResources
    where !(pod.spec.tolerations ?? []).contains(where: { $0.mentions(key) }) {
      resources[resource.name] = resource.value
    }
    let taints = context.taints.compactMapValues { policy.untolerated(by: pod, of: $0) }
    guard !taints.isEmpty else { return }
    let map = context.hostMap
    if let host {
      if let node = map.node(of: host), let taint = taints[node] {
        waits.append("node \(node) has the taint \(taint.text), which the pod does not tolerate")
      }
      return
    }
    var left: String?
    var words: [String] = []
    for host in Set(map.hosts.vnodes.map(\.host)).sorted() {
      guard let node = map.node(of: host) else { continue }
      if let taint = taints[node] {
        words.append("\(node): \(taint.text)")
      } else if left == nil {
        left = host
      } else {
        return
      }
    }
    guard !words.isEmpty else { return }
    self.host = left
    guard left == nil else { return }
    let more = words.count > Self.most ? ", and \(words.count - Self.most) more" : ""
    waits.append(
      "each host of PBS has a taint that the pod does not tolerate (\(words.prefix(Self.most).joined(separator: ", "))\(more))"
    )
  }
}

extension TranslationPolicy {
  /// The first of a node's taints that keeps the pod off it.
  func untolerated(by pod: Pod, of taints: [Taint]) -> Taint? {
    pod.untolerated(taints.filter { !ignoredTaints.contains($0.key) })
  }
}
