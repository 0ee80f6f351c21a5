import Kubernetes
import Logging

/// How pods fare on their nodes, which slows down controllers that make another one at once.
extension World {
  /// Seconds on a node after which a job's end is a matter of its own.
  private static let early = 60.0

  /// Enters what a pod's status says, as compared with what was known.
  func noteFate(of pod: Pod, _ record: PodRecord, now: Double) {
    guard let node = pod.nodeName else { return }
    let before = record.pod
    let keys = [node] + (pod.controllerUID.map { [$0] } ?? [])
    if let reason = pod.rejection, before != nil, before?.rejection == nil {
      for key in keys { rejections.rejected(key, reason: reason, now: now) }
      log.warning(
        "pod \(pod.fullName) was rejected by the kubelet of \(node) (\(reason)): PBS gives more there than the node has; its owner's next pods wait"
      )
    } else if pod.status?.phase == "Running", before?.status?.phase != "Running" {
      for key in keys { rejections.accepted(key) }
    }
    // The hooks, which delete a pod at its job's end, are faster than PBS's word for that end.
    if pod.saidOfJobsEnd != nil, let before, before.saidOfJobsEnd == nil {
      noteEnd(of: record, now: now)
    } else if pod.isFinished, !pod.isTerminating, let owner = pod.controllerUID {
      earlyEnds.accepted(owner)
    }
  }

  /// The job of a pod on a node has ended, not by us: when that is soon after the binding, its owner's
  /// next pods wait.
  func noteEnd(of record: PodRecord, now: Double) {
    guard let pod = record.pod, pod.nodeName != nil, !pod.isFinished,
      let since = record.boundSince, let owner = pod.controllerUID
    else { return }
    guard now - since < Self.early else { return earlyEnds.accepted(owner) }
    let isNew = earlyEnds.wait(owner, now: now) == nil
    earlyEnds.rejected(owner, reason: "that of pod \(pod.fullName)", now: now)
    guard isNew else { return }
    log.warning(
      "the job of pod \(pod.fullName) ended soon after the binding: its owner's next pods wait")
  }

  /// Until when the next pods of this one's owner wait, and why; nil when they do not.
  func ownersWait(_ pod: Pod, now: Double) -> (until: Double, words: String)? {
    guard let owner = pod.controllerUID else { return nil }
    let waits = [
      rejections.wait(owner, now: now).map {
        ($0.until, "kubelets reject the pods of its owner (\($0.reason))")
      },
      earlyEnds.wait(owner, now: now).map {
        ($0.until, "jobs of its owner's pods end soon after they are bound (\($0.reason))")
      },
    ]
    return waits.compactMap(\.self).max { $0.0 < $1.0 }
      .map { ($0.0, $0.1 + ", so that its job is submitted later") }
  }
}

extension Pod {
  /// What binder or a hook has said of its job's end, before deleting it; nil while nobody has.
  var saidOfJobsEnd: String? {
    status?.conditions?.first {
      $0.type == "DisruptionTarget" && $0.status == "True" && $0.reason == "PBSJobEnded"
    }.map { $0.message ?? "" }
  }
}
