import Kubernetes
import Runtime

/// Pods whose jobs PBS has started where a taint keeps the pod off.
extension Broker {
  /// Seconds within which what follows from nodes' taints is done: many nodes may change at once, and
  /// each might concern all pods.
  private static let taintPatience = 1.0

  /// PBS may choose the same host again: the pod, and those of its namespace that ask for the same,
  /// wait longer each time.
  func notePlace(
    of record: PodRecord, _ decision: Decision, _ translation: Result<JobDescription, Refusal>?
  ) {
    if world.rejections.hasPlacements, case .bind = decision.message, let pod = record.pod,
      case .success(let job) = translation
    {
      // PBS has chosen another host this time.
      world.rejections.accepted(.placement(of: pod, job), pod: record.uid)
    }
    guard let misplacement = decision.misplacement, record.misplacement?.job != misplacement.job,
      let pod = record.pod
    else { return }
    record.misplacement = misplacement
    let now = clock.now
    let delay = record.misplacedBackoff.delay()
    record.notBefore = max(record.notBefore, now + delay)
    record.waitsFor = misplacement.words
    log.warning(
      "pod \(record.name): job \(misplacement.job): \(misplacement.words); again in \(Int(delay.rounded())) s"
    )
    guard case .success(let job) = translation else { return }
    world.rejections.rejected(
      .placement(of: pod, job), reason: misplacement.words, now: now, on: misplacement.node)
  }

  /// A node's taints have changed, or it is gone: pods that were kept off it are tried again soon, and
  /// so are those that wait with them.
  func taintsChanged(of node: String) {
    world.rejections.taintsChanged(of: node)
    let latest = clock.now + 2
    for record in world.pods.values where record.misplacement?.node == node {
      record.notBefore = min(record.notBefore, latest)
    }
    guard taintTimer == nil else { return }
    let timer = clock.timer { [weak self] in
      self?.taintTimer = nil
      self?.compareAll()
    }
    timer.schedule(after: Self.taintPatience)
    taintTimer = timer
  }
}
