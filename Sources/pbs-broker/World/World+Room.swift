import Kubernetes
import Messages

/// What nodes have left, and the pods that wait for that.
extension World {
  /// Seconds for which a job keeps its place while its node has no room for the pod and nothing
  /// there is about to go: what is told of nodes may be a moment old.
  static let roomSettling = 10.0

  /// - Parameter isOwnerNew: another broker acts on it now: whether it is about to be bound, that one
  ///   knows.
  func noteHolding(of pod: Pod, isOwnerNew: Bool) {
    if isOwnerNew, let uid = pod.metadata.uid { ledger.release(uid) }
    ledger.update(pod)
    if let node = pod.nodeName { markLackingRoom(on: node) }
  }

  func releaseRoom(of uid: String) {
    if let node = ledger.release(uid) { markLackingRoom(on: node) }
  }

  func noteRoom(of node: Node) {
    ledger.update(node)
    markLackingRoom(on: node.metadata.name)
  }

  func update(_ use: NodeUse) {
    ledger.update(use)
    markLackingRoom(on: use.node)
  }

  private func markLackingRoom(on node: String) {
    for (uid, wanted) in lackingRoom where wanted == node { markChanged(uid) }
  }

  /// That the node on which a pod's job runs has too little left for the pod; nil when it has
  /// enough, or nothing is known of that.
  /// - Parameter patience: seconds for which a job keeps its place while what is about to go from its
  ///   node would make room.
  func shortage(
    of record: PodRecord, _ job: Job, patience: Double, now: Double
  ) -> Situation.Shortage? {
    guard cluster?.nodeUse == true, let pod = record.pod, pod.nodeName == nil,
      let node = hostMap.node(of: job), !ledger.holds(record.uid, on: node),
      let found = ledger.shortage(for: Amounts(of: PodNeeds(pod.spec)), on: node)
    else {
      record.lacksRoomSince = nil
      lackingRoom[record.uid] = nil
      return nil
    }
    let since = record.lacksRoomSince.flatMap { $0.job == job.id ? $0.since : nil } ?? now
    record.lacksRoomSince = (job.id, since)
    lackingRoom[record.uid] = node
    let wait = found.mayPass ? max(patience, Self.roomSettling) : Self.roomSettling
    return Situation.Shortage(
      words: "runs on \(node), where Kubernetes has \(found.words)", isOverdue: now - since >= wait)
  }

  /// Enters what was decided: a pod that is to be bound holds its place from now on.
  func noteRoom(of record: PodRecord, _ decision: Decision, now: Double) {
    guard let pod = record.pod, pod.nodeName == nil else { return }
    if let node = decision.node {
      guard !ledger.holds(record.uid, on: node) else { return }
      ledger.hold(record.uid, Amounts(of: PodNeeds(pod.spec)), on: node)
    } else {
      releaseRoom(of: record.uid)
    }
    guard let released = decision.released, record.releasedJob != released.job else { return }
    record.releasedJob = released.job
    record.waitsFor = "job \(released.job) \(released.words)"
    rejections.rejected(
      .ownerOrSelf(of: pod), reason: "job \(released.job) \(released.words)", now: now)
    log.warning(
      "job \(released.job) of pod \(record.name) \(released.words): it is released, and another is submitted later"
    )
  }
}
