import Kubernetes

/// Labels of a node that show PBS's resources of its host. Pure.
enum NodeLabels {
  /// What has to change.
  /// - Parameters:
  ///   - vnodes: the host's; a resource counts where all that have it agree.
  ///   - table: PBS's resources by label.
  /// - Returns: the labels that differ, nil for one that has to go; and what cannot be a label.
  static func changes(
    to node: Node, of vnodes: [PBSVnode], by table: [String: String]
  ) -> (changes: [String: String?], problems: [String]) {
    var changes: [String: String?] = [:]
    var problems: [String] = []
    for (label, resource) in table {
      let values = Set(vnodes.compactMap { $0.resources[resource] })
      var value = values.count == 1 ? values.first : nil
      if values.count > 1 {
        problems.append(
          "node \(node.metadata.name): no label \(label), since the vnodes of its host differ in \(resource)"
        )
      }
      if let text = value, !KubernetesName.isLabelValue(text) {
        problems.append(
          "node \(node.metadata.name): no label \(label), since \(resource)=\(text.prefix(100)) cannot be a label's value"
        )
        value = nil
      }
      if node.metadata.labels?[label] != value { changes[label] = .some(value) }
    }
    return (changes, problems.sorted())
  }
}
