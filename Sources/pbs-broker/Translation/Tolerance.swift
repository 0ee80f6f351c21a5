import Kubernetes

/// What taints of nodes mean for a pod's job, as far as PBS can be told: no job while no host is left,
/// `host=` where one is, and the resources of ``TranslationPolicy/taintResources``. Of the other taints
/// the pod is kept off after PBS has chosen (``Reconciliation``).
struct Tolerance {
  private(set) var waits: [String] = []
  /// The only host that is left now: see ``JobDescription/onlyHost``.
  private(set) var onlyHost: String?
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
    let taints = context.taints
    guard !taints.ofNodes.isEmpty else { return }
    if let host {
      if let node = context.hostMap.node(of: host), let found = taints.ofNodes[node],
        let taint = policy.untolerated(by: pod, of: found)
      {
        waits.append("node \(node) has the taint \(taint.text), which the pod does not tolerate")
      }
      return
    }
    switch taints.left(naming: Self.most, { policy.untolerated(by: pod, of: $0) }) {
    case .many: break
    case .one(let host): onlyHost = host
    case .none(let named, let count):
      let words = named.map { "\($0.node): \($0.taint.text)" }.joined(separator: ", ")
      let more = count > named.count ? ", and \(count - named.count) more" : ""
      waits.append(
        "each host of PBS has a taint that the pod does not tolerate (\(words)\(more))")
    }
  }
}

extension TranslationPolicy {
  /// The first of a node's taints that keeps the pod off it.
  func untolerated(by pod: Pod, of taints: [Taint]) -> Taint? {
    pod.untolerated(taints.filter { !ignoredTaints.contains($0.key) })
  }
}
