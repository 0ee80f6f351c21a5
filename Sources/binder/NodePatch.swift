import Kubernetes
import Messages

/// A node, as far as it is changed.
struct MarkedNode: Decodable, Sendable {
  struct Metadata: Decodable, Sendable {
    var uid: String?
    var resourceVersion: String?
    var labels: [String: String]?
  }

  struct Spec: Decodable, Sendable {
    var taints: [Taint]?
  }

  var metadata: Metadata
  var spec: Spec?
}

/// The merge patch that makes a node as it is wanted. Taints are one list to the API server, which
/// is replaced as a whole: so the patch holds for the version that was looked at, and no other.
struct NodePatch: Encodable, Sendable {
  struct Metadata: Encodable, Sendable {
    var uid: String?
    var resourceVersion: String?
    var labels: [String: String?]?
  }

  struct Spec: Encodable, Sendable {
    var taints: [Taint]
  }

  var metadata: Metadata
  var spec: Spec?

  /// nil where the node is as it is wanted.
  init?(_ node: MarkedNode, _ mark: MarkNode) {
    let labels = mark.labels.filter { key, value in node.metadata.labels?[key] != value }
    metadata = Metadata(
      uid: node.metadata.uid, resourceVersion: node.metadata.resourceVersion,
      labels: labels.isEmpty ? nil : labels)
    if mark.setsTaint {
      let taints = node.spec?.taints ?? []
      let others = taints.filter { !$0.isOffline }
      let wanted = mark.offline.map(Taint.offline)
      let present = taints.first(where: \.isOffline)
      if present?.value != wanted?.value || (present == nil) != (wanted == nil) {
        spec = Spec(taints: others + [wanted].compactMap(\.self))
      }
    }
    if spec == nil, labels.isEmpty { return nil }
  }
}
