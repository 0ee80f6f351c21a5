import Kubernetes
import Logging

/// How pods fare on their nodes, which slows down controllers that make another one at once.
extension World {
  /// Enters what a pod's status says, as compared with what was known.
  func noteFate(of pod: Pod, _ record: PodRecord, now: Double) {
    guard let before = record.pod else { return }
    // What kubelet says of a pod that PBS has not sent there is no trouble of other pods.
    if !record.jobs.isEmpty,
      let line = rejections.note(pod, before: before, boundSince: record.boundSince, now: now)
    {
      log.warning("\(line)")
      record.rejection = pod.rejectionWords
    }
    // The hooks, which delete a pod at its job's end, are faster than PBS's word for that end.
    if pod.saidOfJobsEnd != nil, before.saidOfJobsEnd == nil {
      noteEnd(of: record, now: now)
    } else if pod.isFinished, !pod.isTerminating {
      rejections.finished(pod)
    }
  }

  /// Enters what was decided: a pod that is to be bound where a kubelet has rejected others tries first.
  func noteTrial(of record: PodRecord, _ decision: Decision, now: Double) {
    guard !rejections.isEmpty, let pod = record.pod, pod.nodeName == nil else { return }
    let bindsTo = if case .bind(let bind) = decision.message { bind.node } else { nil as String? }
    if let node = record.triedOn, node != bindsTo {
      rejections.endTrials(of: record.uid, only: .node(node))
    }
    record.triedOn = bindsTo
    guard let bindsTo else { return }
    rejections.tries(
      .node(bindsTo), pod: record.uid, asked: Amounts(of: PodNeeds(pod.spec)), now: now)
  }

  /// What was told as a pod's job is none: its next one is not submitted at once.
  func backOff(_ job: String, now: Double) {
    guard let uid = jobs[job]?.job.pod?.uid, let record = pods[uid] else { return }
    record.notBefore = max(record.notBefore, now + record.backoff.delay())
  }

  /// The job of a pod on a node has ended, not by us: when that is soon after the binding, its owner's
  /// next pods wait.
  func noteEnd(of record: PodRecord, now: Double) {
    guard let pod = record.pod, pod.nodeName != nil, !pod.isFinished,
      let since = record.boundSince,
      let line = rejections.jobEnded(of: pod, boundSince: since, now: now)
    else { return }
    log.warning("\(line)")
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
