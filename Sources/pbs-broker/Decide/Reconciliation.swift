import FoundationEssentials
import Kubernetes
import Messages

/// Decides about one pod by comparing what should be with what is. Pure: the same situation
/// gives the same decision, so a lost, late or doubled event is harmless.
enum Reconciliation {
  static func decide(_ situation: Situation) -> Decision {
    switch situation.presence {
    case .gone:
      return releasing(situation.jobs, "its pod is gone")
    case .neverSeen:
      return releasing(situation.jobs, "its pod does not exist")
    case .present(let pod):
      guard let reference = PodReference(pod) else { return Decision() }
      if pod.isFinished {
        return telling(of: situation.rejection, reference, situation)
      }
      if pod.nodeName != nil, pod.isKeptByFinalizers {
        return releasing(situation.jobs, "its pod is gone but for finalizers")
      }
      if pod.nodeName != nil {
        return noting(
          pod, reference, longGrace: situation.longGrace, bound(pod, reference, situation))
      }
      if pod.isTerminating {
        return releasing(situation.jobs, "its pod was deleted before it was bound")
      }
      if pod.isGated {
        return releasing(situation.jobs, "its pod has scheduling gates")
      }
      return noting(
        pod, reference, ignored: situation.ignored, waiting(pod, reference, situation))
    }
  }

  /// Adds a word on what is ignored, where nothing else is to be said: constraints, and annotations
  /// that mean nothing.
  private static func noting(
    _ pod: Pod, _ reference: PodReference, ignored: [String] = [], longGrace: String? = nil,
    _ decision: Decision
  ) -> Decision {
    if let told = graceReport(pod, reference, longGrace, decision) { return told }
    let unknown = OptionKey.unknownAnnotations(of: pod)
    if decision.message == nil, !ignored.isEmpty {
      var decision = decision
      decision.message = .report(
        .init(
          pod: reference, job: nil, reason: "UnsupportedIgnored",
          message: Refusal(causes: ignored).description, warning: true, unscheduled: false))
      return decision
    }
    guard decision.message == nil, !pod.isTerminating, !unknown.isEmpty else { return decision }
    var decision = decision
    decision.message = .report(
      .init(
        pod: reference, job: nil, reason: "UnknownAnnotation",
        message: "nobody knows what is meant by \(unknown.prefix(10).joined(separator: ", "))",
        warning: true, unscheduled: false))
    return decision
  }

  // MARK: A pod that waits for a node

  private static func waiting(
    _ pod: Pod, _ reference: PodReference, _ situation: Situation
  ) -> Decision {
    let doubtful = situation.unconfirmed.union(situation.unproven)
    guard let job = keeper(of: situation.jobs, doubtful: doubtful) else {
      return withoutJob(reference, situation)
    }
    var decision = releasingDoubles(of: job, situation)
    if situation.unconfirmed.contains(job.id) {
      // Neither is the pod bound by it, nor is another one submitted, which PBS might then have too.
      let words = "PBS does not know it, and will be asked again"
      decision.message = .report(report(reference, job.id, "job \(job.id): \(words)"))
    } else if situation.unproven.contains(job.id) {
      decision.deletions.append(.init(job: job.id, reason: Self.unprovenWords))
      decision.message = .report(report(reference, job.id, "job \(job.id): \(unprovenWords)"))
    } else if let words = misfit(job, situation) ?? changedBeyondJob(job, situation) {
      decision.deletions.append(.init(job: job.id, reason: words))
      decision.message = .report(
        report(reference, job.id, "job \(job.id) is deleted and submitted anew: \(words)"))
    } else if isStarted(job, situation.bindWhen), let misplacement = misplacement(job, situation) {
      decision.misplacement = misplacement
      decision.deletions.append(.init(job: job.id, reason: misplacement.words))
      decision.message = .report(
        report(reference, job.id, "job \(job.id) is released: \(misplacement.words)"))
    } else if isStarted(job, situation.bindWhen), let shortage = situation.shortage {
      noRoom(shortage, job, reference, &decision)
    } else if isStarted(job, situation.bindWhen) {
      decision.message = binding(job, reference, situation)
      if case .bind(let bind) = decision.message { provision(bind, situation, &decision) }
      // Its host may be new to PBS.
      decision.needsHosts = situation.hostMap.node(of: job) == nil
    } else {
      if case .edit(let edit) = plan(job, situation) { decision.edit = edit }
      if let words = situation.hindrance ?? unchangedWords(decision.edit, situation)
        ?? waitingWords(job, isUnexplained: situation.unexplained.contains(job.id))
      {
        var report = report(reference, job.id, "job \(job.id): \(words)")
        report.estimatedStart = job.estimate
        decision.message = .report(report)
      }
    }
    return decision
  }

  /// What is said of a job without proof of submission.
  static let unprovenWords =
    "PBS's server took it without a proof of submission (k8s_pod): is its hook pbs_kubernetes_server installed?"

  /// Submits a job, or says why not.
  private static func withoutJob(_ reference: PodReference, _ situation: Situation) -> Decision {
    var decision = Decision()
    switch situation.translation {
    case .failure(let refusal):
      decision.needsHosts = refusal.dependsOnHosts
      decision.message = .report(report(reference, nil, refusal.description))
      return decision
    case .success(let description):
      decision.submission = description
    case nil:
      return decision
    }
    if let words = situation.refusal {
      decision.message = .report(report(reference, nil, "PBS refuses the job: \(words)"))
    } else if let words = situation.hindrance ?? situation.submissionHindrance {
      decision.message = .report(report(reference, nil, words))
    } else if let ended = situation.ended.last {
      decision.message = .report(
        report(
          reference, ended.id, "job \(ended.id) ended before the pod was bound: \(ended.words)"))
    }
    return decision
  }

  /// Why a job is not what its pod needs (PBS's side has altered it, or the pod was resized); nil
  /// when it is.
  private static func misfit(_ job: Job, _ situation: Situation) -> String? {
    guard case .success(let wanted) = situation.translation else { return nil }
    if job.isRunning, !job.chunks.isEmpty {
      if case .less(let words) = wanted.fit(allocated: job.chunks, on: situation.hostMap) {
        return "PBS has given it \(words)"
      }
    } else if job.isWaiting, let select = job.select {
      // Where the pod asks for something else now, the job is altered; more than is needed a
      // site's hooks may have made it.
      if let asked = situation.asked[job.id]?.values[JobTerms.select], asked != wanted.select,
        asked != wanted.submittedSelect
      {
        return nil
      }
      if case .less(let words) = wanted.fit(select: select) { return "it asks for \(words)" }
    }
    return nil
  }

  private static func binding(
    _ job: Job, _ reference: PodReference, _ situation: Situation
  ) -> BrokerMessage {
    guard let host = job.host, let node = situation.hostMap.node(of: job) else {
      let host = job.host ?? "no host"
      return .report(
        report(
          reference, job.id, "job \(job.id) runs on \(host), which is not a node of this cluster"))
    }
    if let words = situation.nodeHindrance(node) {
      return .report(report(reference, job.id, "job \(job.id) runs on \(host): \(words)"))
    }
    return .bind(
      .init(
        pod: reference, node: node, job: job.id, runCount: job.runCount, devices: job.devices,
        execVnode: job.execVnodeForPod))
  }

  private static func isStarted(_ job: Job, _ when: BindWhen) -> Bool {
    guard job.isRunning else { return false }
    switch when {
    case .run: return job.substate == 42
    case .prerun: return job.substate == 42 || job.substate == 41
    }
  }

  static func report(
    _ pod: PodReference, _ job: String?, _ message: String
  ) -> BrokerMessage.Report {
    .init(
      pod: pod, job: job, reason: "FailedScheduling", message: message, warning: true,
      unscheduled: true)
  }

  // MARK: A pod on a node

  private static func bound(
    _ pod: Pod, _ reference: PodReference, _ situation: Situation
  ) -> Decision {
    let own = Pairing.job(
      of: pod, among: situation.jobs, remembered: situation.boundJob, hostMap: situation.hostMap)
    let named = situation.boundJob ?? Pairing.namedJob(pod)
    var decision = releasing(
      situation.jobs.filter { $0.id != own?.id },
      "its pod is bound to \(pod.nodeName ?? "") "
        + (named.map { "with job \($0)" } ?? "without it"))

    if pod.isTerminating {
      if let own, isOverdue(pod, situation) {
        decision.deletions.append(
          .init(job: own.id, reason: "its pod is stuck on a host that is away", force: true))
        decision.message = .report(
          .init(
            pod: reference, job: own.id, reason: "JobReleased",
            message:
              "job \(own.id) is released: the pod is still terminating on a host that is away",
            warning: true, unscheduled: false))
      } else if own == nil {
        decision.message = end(of: named, pod, reference, situation)
      }
      return decision
    }
    if let own {
      if let words = broken(own, pod, situation) {
        if situation.olderThanBinding.contains(own.id) {
          decision.unconfirmed = own.id
          return decision
        }
        decision.message = .evict(.init(pod: reference, job: own.id, message: words))
      } else if own.isSuspended {
        decision.message = .report(
          .init(
            pod: reference, job: own.id, reason: "JobSuspended",
            message: "PBS has suspended job \(own.id)", warning: true, unscheduled: false))
      } else {
        decision.message = resized(own, reference, situation)
      }
    } else if let named, let ended = situation.ended.first(where: { $0.id == named }) {
      decision.message = .evict(.init(pod: reference, job: named, message: words(ended)))
    } else if let disowned = situation.disownedJob {
      decision.message = .report(
        .init(
          pod: reference, job: nil, reason: "UnknownJob",
          message:
            "the annotation \(WellKnown.jobID) names \(disowned), which is not a job of this pod: the pod is left alone",
          warning: true, unscheduled: false))
    }
    // Without the job, and without PBS's word for its end, nothing follows.
    return decision
  }

  /// Why a job that has not ended is no longer the run that the pod was bound for.
  private static func broken(_ job: Job, _ pod: Pod, _ situation: Situation) -> String? {
    let words = job.comment.map { ": \($0)" } ?? ""
    switch job.state {
    case .queued, .held, .waiting, .transit:
      return "job \(job.id) was taken off its host and queued again\(words)"
    case .moved:
      return "job \(job.id) was moved to another server"
    case .running, .suspended, .userSuspended, .begun:
      // A host that is no node (any more) says nothing about where the job was started.
      if let host = job.host, let node = situation.hostMap.node(of: job), node != pod.nodeName {
        return "job \(job.id) was started again on \(host)\(words)"
      }
      if let count = situation.boundRunCount ?? Pairing.runCount(pod), job.runCount > count {
        return "job \(job.id) was started again (run \(job.runCount))\(words)"
      }
      return nil
    case .exiting:
      // "Job run at ... on (...) and exceeded resource walltime": once PBS has said why, being
      // prompt is better than waiting for the job's last state; before, it is not.
      return job.comment?.contains(") and ") == true ? "job \(job.id) is ending\(words)" : nil
    case .finished, .expired:
      return "job \(job.id) has ended\(words)"
    }
  }

  private static func isOverdue(_ pod: Pod, _ situation: Situation) -> Bool {
    guard situation.isHostAway, let text = pod.metadata.deletionTimestamp,
      let deadline = Timestamp.parse(text)
    else { return false }
    // deletionTimestamp is already the end of the grace period. It is the API server's time: a clock
    // that jumps or differs here must not cut it short.
    return situation.now > deadline.addingTimeInterval(situation.patience)
      && situation.pastGrace > situation.patience
  }
}
