/// Which nodes a selector takes. (Kubernetes: "Assigning Pods to Nodes", node affinity;
/// component-helpers scheduling/corev1/nodeaffinity.)
extension NodeSelector {
  /// Whether one of its terms holds.
  public func matches(_ node: Node) -> Bool {
    nodeSelectorTerms.contains { $0.matches(node) }
  }
}

extension NodeSelectorTerm {
  fileprivate func matches(_ node: Node) -> Bool {
    let expressions = matchExpressions ?? []
    let fields = matchFields ?? []
    // Without any requirement it takes no node.
    guard !expressions.isEmpty || !fields.isEmpty else { return false }
    let labels = node.metadata.labels ?? [:]
    return expressions.allSatisfy { $0.holds(of: labels) }
      && fields.allSatisfy { $0.holds(of: ["metadata.name": node.metadata.name]) }
  }
}

extension NodeSelectorRequirement {
  /// One with an unknown operator, or with what is no number where one is compared, does not hold.
  fileprivate func holds(of labels: [String: String]) -> Bool {
    let value = labels[key]
    let values = values ?? []
    switch self.operator {
    case "In": return value.map(values.contains) ?? false
    case "NotIn": return value.map { !values.contains($0) } ?? true
    case "Exists": return value != nil
    case "DoesNotExist": return value == nil
    case "Gt", "Lt":
      guard values.count == 1, let limit = Int(values[0]), let number = value.flatMap({ Int($0) })
      else { return false }
      return self.operator == "Gt" ? number > limit : number < limit
    default: return false
    }
  }
}
