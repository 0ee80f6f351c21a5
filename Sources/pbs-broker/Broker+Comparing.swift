import ConnectorMetrics
import FoundationEssentials
import Kubernetes
import Messages
import Monitoring
import Runtime

extension BrokerMessage {
  /// Whether a pod is as this asks for, or is told what it says.
  /// - Parameter record: what is known of the pod; nil for nothing.
  @EventLoop
  func isDone(_ record: PodRecord?) -> Bool {
    if case .report(let report) = self { return report.stands(on: record?.pod) }
    guard let pod = record?.pod else { return false }
    return switch self {
    case .bind: pod.nodeName != nil
    case .evict: pod.isTerminating || pod.isFinished || record?.isGone == true
    case .report, .withdraw, .markNode, .noteNode, .selectNode, .unknown: false
    }
  }
}

/// Comparing what should be with what is, pod by pod.
extension Broker {
  /// Whether we are to act on a pod at this moment. While that is not confirmed, what is to be done
  /// is postponed.
  func owns(_ uid: String) -> Bool {
    guard world.pods[uid]?.owner == instance else { return false }
    guard !subscription.ownsItsShare else { return true }
    postponed.insert(uid)
    return false
  }

  func resumePostponed() {
    guard !postponed.isEmpty else { return }
    let uids = postponed
    postponed.removeAll()
    for uid in uids {
      compare(uid)
      repeatMessages(for: uid)
    }
  }

  /// Says again what binders have not answered about a pod.
  func repeatMessages(for uid: String) {
    outbox.repeatMessage(for: uid)
    selections.repeatMessages(for: uid)
  }

  func compareAll() {
    world.markAllChanged()
    compareChanged()
  }

  func compareChanged() {
    while true {
      let changed = world.takeChanged()
      guard !changed.isEmpty else { return }
      if world.takeAbsenceChanged() { judgeAbsence() }
      for uid in changed { compare(uid) }
    }
  }

  func judgeAbsence() {
    let missing = world.missingPods
    guard world.syncedSince != nil, absence.judge(missing, of: world.podsWithJobs) else { return }
    log.error(
      "\(missing.count) of \(world.podsWithJobs) pods with jobs are not among what kube-watcher tells: their jobs are left alone until the pods are back, or an administrator says that they are gone (kill -USR1 \(ProcessInfo.processInfo.processIdentifier))"
    )
  }

  /// Compares what should be with what is, for one pod, and acts.
  func compare(_ uid: String) {
    guard let record = world.pods[uid] else { return }
    record.isQuiet = false
    guard let presence = presence(of: record) else { return }
    if case .present = presence {
      // Pods may be told before the nodes that they are bound to.
      guard world.syncedSince != nil else { return }
      guard owns(uid) else { return }
    }
    let jobs = world.ownJobs(of: record)
    let situation = situation(record, presence, jobs)
    let decision = Reconciliation.decide(situation)
    world.noteRoom(of: record, decision, now: clock.now)
    world.noteTrial(of: record, decision, now: clock.now)
    announceStart(jobs)
    noteProof(of: jobs)
    notePlace(of: record, decision, situation.translation)
    noteKillDelay(of: record, decision)
    noteVolumes(of: record, decision)
    countRefusal(of: record, situation)
    for deletion in decision.deletions {
      deleter.delete(deletion, ofPod: record.name, in: record.namespace)
    }
    let deleted = Set(decision.deletions.map(\.job))
    for job in record.jobs where !deleted.contains(job) { deleter.withdraw(job) }
    if let job = decision.unconfirmed { poller.confirm(job) }
    if decision.needsHosts { world.needsHosts = true }
    submissionChanged(record, to: decision.submission)
    if let job = decision.submission { submit(record, job) }
    if let edit = decision.edit {
      alterer.want(edit, ofPod: record.name, in: record.namespace)
    } else {
      for job in record.jobs { alterer.forget(job) }
    }
    world.noteClaims(of: record)
    if case .evict(let evict) = decision.message, record.noteEviction(evict.message) {
      countEviction(of: record, evict.job)
    }
    let isTold = outbox.want(
      decision.message, for: uid, name: record.name, isGone: record.isGone)
    record.isQuiet = isQuiet(record, decision, isTold: isTold)
    // Many stand still: what they need is found again when something is heard.
    if record.isQuiet { record.translated = nil }
    if record.jobs.isEmpty, !record.isPresent, !record.isSubmitting {
      world.forget(uid)
      outbox.forget(uid)
      selections.want([], for: uid)
    }
  }

  /// What is known of the pod object; nil while that is not enough to act on.
  func presence(of record: PodRecord) -> Situation.Presence? {
    if record.isGone { return .gone }
    let now = clock.now
    if let pod = record.pod, record.missingSince == nil { return .present(pod) }
    // A job without a pod: ours to delete only when both have had time to show up.
    let since = record.missingSince ?? now
    record.missingSince = since
    guard world.cluster != nil, let syncedSince = world.syncedSince,
      now - max(since, syncedSince) >= settings.orphanGrace,
      !absence.doubted.contains(record.uid)
    else { return nil }
    // The pod may wait in the queue of a kube-watcher that is stopped; what it queued before its
    // last ping has been heard.
    guard subscription.ownsItsShare else { return nil }
    return .neverSeen
  }

  func situation(
    _ record: PodRecord, _ presence: Situation.Presence, _ jobs: [JobRecord]
  ) -> Situation {
    let rejections = world.rejections
    let now = clock.now
    let translation = translation(of: record)
    if case .success(let job) = translation, let wait = sharedWait(record, job, now) {
      record.waitsFor = wait.reason
    }
    let asked = asked(record, jobs, translation)
    let pod = record.pod
    return Situation(
      presence: presence, jobs: jobs.map { withCurrentTerms(record, $0) },
      olderThanBinding: Set(
        jobs.filter { $0.statBegan < record.boundSince ?? 0 }.map(\.job.id)),
      unconfirmed: Set(jobs.filter(\.isUnconfirmed).map(\.job.id)),
      knownAt: jobs.reduce(into: [:]) { $0[$1.job.id] = $1.knownAt },
      unexplained: Set(jobs.filter { $0.isUnexplained(now) }.map(\.job.id)),
      unproven: Set(jobs.map(\.job).filter { world.ownership(of: $0) == .unproven }.map(\.id)),
      ended: record.ended,
      boundJob: record.boundJob, boundRunCount: record.boundRunCount,
      evictions: record.evictions, disownedJob: record.disownedJob,
      translation: translation, asked: asked,
      refusedEdits: asked.keys.reduce(into: [:]) { $0[$1] = alterer.refusal(of: $1) },
      immovable: Set(jobs.map(\.job).filter { !canMove($0) }.map(\.id)),
      rejection: record.rejection, longGrace: record.longGrace,
      refusal: record.refusal,
      hindrance: poller.hindrance,
      submissionHindrance: submitter.hindrance(of: record.uid, try? translation?.get())
        ?? record.waitsFor.map { "\($0), so that its job is submitted later" },
      hostMap: world.hostMap,
      nodeHindrance: { [uid = record.uid] node in
        let asked = pod.map { Amounts(of: PodNeeds($0.spec)) }
        return rejections.wait(.node(node), now: now, asked: asked, pod: uid).map { wait in
          "it waits to be bound, since \(wait.reason)"
        }
      },
      untolerated: {
        [pod = record.pod, taints = world.nodeFacts.taints, policy = settings.policy] in
        guard let pod, let taints = taints[$0] else { return nil }
        return policy.untolerated(by: pod, of: taints)
      },
      shortage: (settings.checksCapacity ? shortage(of: record, jobs, now) : nil)
        ?? refusedBinding(of: record, jobs),
      isOutsideCluster: isOutsideCluster(record, jobs, now),
      volumes: volumes(of: record, jobs, now), selectionTrouble: selections.trouble(of: record.uid),
      isHostAway: world.isHostAway(of: record), bindWhen: settings.bindWhen,
      patience: settings.terminatingPatience, pastGrace: record.pastGrace(now: now),
      now: clock.date)
  }

  private func shortage(
    of record: PodRecord, _ jobs: [JobRecord], _ now: Double
  ) -> Situation.Shortage? {
    guard record.pod?.nodeName == nil,
      let job = Reconciliation.keeper(of: jobs.map(\.job)), job.isRunning
    else { return nil }
    return world.shortage(of: record, job, patience: settings.roomPatience, now: now)
  }

  private func isOutsideCluster(_ record: PodRecord, _ jobs: [JobRecord], _ now: Double) -> Bool {
    guard record.pod?.nodeName == nil, record.isPresent,
      let job = Reconciliation.keeper(of: jobs.map(\.job)), job.isRunning
    else { return false }
    return world.isOutsideCluster(job, patience: settings.roomPatience, now: now)
  }

  /// Until when the pod's job waits for what was said of others, and why: its owner's, or those that
  /// ask PBS for the same. nil when it does not.
  func sharedWait(
    _ record: PodRecord, _ job: JobDescription, _ now: Double
  ) -> (until: Double, reason: String)? {
    sharedKeys(record, job).compactMap { world.rejections.wait($0, now: now, pod: record.uid) }
      .max { $0.until < $1.until }
  }

  /// Who else may have to wait when a pod's job or the pod itself is turned away.
  func sharedKeys(_ record: PodRecord, _ job: JobDescription) -> [RejectionBackoff.Key] {
    guard !world.rejections.isEmpty, let pod = record.pod else { return [] }
    var keys = [RejectionBackoff.Key.ownerOrSelf(of: pod), .request(of: pod, job)]
    if world.rejections.hasPlacements { keys.append(.placement(of: pod, job)) }
    return keys
  }

  /// What the pod needs as a job; nil where that does not matter (any more).
  func translation(of record: PodRecord) -> Result<JobDescription, Refusal>? {
    guard let pod = record.pod, record.isPresent, pod.nodeName == nil || record.isResized,
      world.cluster != nil
    else { return nil }
    let dependsOnOthers = pod.metadata.annotations?[OptionKey.depend.annotation] != nil
    if world.server.isEmpty, dependsOnOthers { world.needsServer = true }
    if let known = record.translated, known.epoch == world.translationEpoch {
      return known.result
    }
    let result = translation(of: pod, avoiding: avoidedNodes(of: record))
    // What depends on other pods or on claims is found anew each time.
    let isOwn = pod.claimNames.isEmpty && !dependsOnOthers
    record.translated = isOwn ? (world.translationEpoch, result) : nil
    return result
  }

  private func translation(
    of pod: Pod, avoiding avoided: Set<String>
  ) -> Result<JobDescription, Refusal> {
    let context = TranslationContext(
      policy: settings.policy, cluster: world.cluster?.id, hostMap: world.hostMap,
      claims: world.cluster?.claims == true ? world.claims : nil,
      claimReach: world.claimReach, claimUsers: world.claimUsers,
      namedPods: world.namedPods(of: pod), server: world.server,
      taints: world.nodeFacts.taints(of: world.hostMap), avoidedNodes: avoided)
    do throws(Refusal) {
      var job = try PodTranslation.job(for: pod, in: context)
      if job.user == backend.user { job.user = nil }
      return .success(job)
    } catch {
      return .failure(error)
    }
  }

  /// Whether PBS's server vouches for what was submitted.
  private func noteProof(of jobs: [JobRecord]) {
    guard world.reliance == .required else { return }
    for known in jobs where known.statAt > 0 {
      if world.ownership(of: known.job) == .unproven {
        submitter.doubt(
          "job \(known.job.id): \(Reconciliation.unprovenWords)", as: known.job.ownerName)
      } else {
        submitter.trust(known.addedAt, as: known.job.ownerName)
      }
    }
  }

  func announceStart(_ jobs: [JobRecord]) {
    for known in jobs where !known.isAnnounced && known.job.isRunning {
      guard settings.bindWhen == .prerun || known.job.substate == 42, let host = known.job.host
      else { continue }
      world.markAnnounced(known.job.id)
      known.job.pod.flatMap { world.pods[$0.uid] }?.observeAge(.startDelay, at: clock.date)
      log.info(
        "job \(known.job.id) runs on \(host)",
        metadata: .about(
          pod: known.job.pod?.fullName, uid: known.job.pod?.uid, job: known.job.id, host: host))
    }
  }
}
