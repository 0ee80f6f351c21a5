import Kubernetes
import Runtime

/// Pods whose jobs PBS has started where a taint keeps the pod off.
extension Broker {
  /// PBS may choose the same host again: the pod, and those of its owner, wait longer each time.
  func noteMisplacement(_ misplacement: Decision.Misplacement?, of record: PodRecord) {
    guard let misplacement, record.misplacement?.job != misplacement.job, let pod = record.pod
    else { return }
    record.misplacement = misplacement
    let now = clock.now
    let delay = record.misplacedBackoff.delay()
    record.notBefore = max(record.notBefore, now + delay)
    record.waitsFor = misplacement.words
    log.warning(
      "pod \(record.name): job \(misplacement.job): \(misplacement.words); again in \(Int(delay.rounded())) s"
    )
    guard let owner = RejectionBackoff.Key.owner(of: pod) else { return }
    world.rejections.rejected(owner, reason: misplacement.words, now: now)
  }

  /// A node's taints have changed: pods that were kept off it are tried again soon.
  func taintsChanged(of node: String) {
    let now = clock.now
    for record in world.pods.values where record.misplacement?.node == node {
      record.notBefore = min(record.notBefore, now + 2)
    }
    world.markAllChanged()
  }
}
