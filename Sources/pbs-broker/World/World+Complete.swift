import Kubernetes

/// What has been told since the connection to kube-watcher began: at `synced` that is all there is, and
/// what was known before and is not among it no longer exists. (docs/protocol.md)
struct ToldObjects: Sendable {
  private(set) var nodes: Set<String> = []
  private(set) var claims: Set<String> = []

  mutating func note(_ node: Node) { nodes.insert(node.metadata.name) }

  mutating func note(_ claim: VolumeClaim) { claims.insert(claim.fullName) }
}

extension World {
  /// Nodes and claims of which nothing was told on this connection; asked at `synced`.
  var untold: (nodes: [String], claims: [VolumeClaim]) {
    (
      nodes.keys.filter { !told.nodes.contains($0) }.sorted(),
      claims.values.filter { !told.claims.contains($0.fullName) }
    )
  }
}
