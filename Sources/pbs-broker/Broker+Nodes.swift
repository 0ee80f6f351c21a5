import Kubernetes
import Runtime

/// What is done about nodes and PBS's hosts, beside pods and jobs.
extension Broker {
  /// A node as it is now.
  /// - Parameter owner: the broker that is to act on it.
  func update(_ node: Node, owner: String?) {
    let before = world.nodes[node.metadata.name]
    world.update(node)
    if let uid = node.metadata.uid {
      if let old = before?.metadata.uid, old != uid {
        world.nodeFacts.owners[old] = nil
        nodeMarks.forget(old)
      }
      world.nodeFacts.owners[uid] = owner
    }
    if world.nodeFacts.update(node) { taintsChanged(of: node.metadata.name) }
    if before == nil, world.rejections.hasPlacements,
      let host = world.hostMap.match(node: node.metadata.name).only
    {
      taintsChanged(of: world.hostMap.hostName(host))
    }
    nodeSync.nodeChanged(node, before: before)
  }

  /// The node no longer exists.
  func removeNode(_ name: String) {
    if let uid = world.nodes[name]?.metadata.uid { nodeMarks.forget(uid) }
    world.removeNode(name)
    taintsChanged(of: name)
  }

  /// All has been told: what was known before and is not among it went while nobody watched.
  func forgetUntold() {
    let untold = world.untold
    for name in untold.nodes { removeNode(name) }
    for claim in untold.claims { world.removeClaim(namespace: claim.namespace, name: claim.name) }
  }

  /// Whether we are to act on the node of this UID at this moment.
  func ownsNode(_ uid: String) -> Bool {
    world.nodeFacts.owners[uid] == instance && subscription.ownsItsShare
  }

  func makeNodeSync() -> NodeSync {
    NodeSync(
      world: world, backend: backend, settings: settings.nodeSync, marks: nodeMarks,
      doubt: NodeDoubt(share: settings.vanishShare, least: settings.vanishLeast, log: log),
      owns: { [unowned self] in ownsNode($0) }, clock: clock, log: log)
  }
}
