import Kubernetes
import Messages

/// A volume claim, as far as it matters for giving it a node.
struct SelectableClaim: Decodable, Sendable {
  struct Metadata: Decodable, Sendable {
    var uid: String
    var resourceVersion: String?
    var deletionTimestamp: String?
    var annotations: [String: String]?
  }

  struct Spec: Decodable, Sendable {
    var volumeName: String?
  }

  var metadata: Metadata
  var spec: Spec

  /// The answer that its present state gives; nil when it can be given the node.
  func answer(to select: SelectNode, node: String) -> ClaimSelector.Answer? {
    guard metadata.uid == select.claim.uid else { return (.gone, nil) }
    if metadata.deletionTimestamp != nil { return (.gone, "it is being deleted") }
    if let present = metadata.annotations?[WellKnown.selectedNode] {
      return present == node ? (.selected, nil) : (.conflict, "it has node \(present)")
    }
    if let volume = spec.volumeName, !volume.isEmpty { return (.conflict, "it has \(volume)") }
    return nil
  }

  /// The merge patch that gives it a node, which holds for the version that was looked at alone.
  struct Patch: Encodable, Sendable {
    struct Metadata: Encodable, Sendable {
      var uid: String
      var resourceVersion: String?
      var annotations: [String: String]
    }

    var metadata: Metadata

    init(_ claim: SelectableClaim, node: String) {
      metadata = Metadata(
        uid: claim.metadata.uid, resourceVersion: claim.metadata.resourceVersion,
        annotations: [WellKnown.selectedNode: node])
    }
  }
}
