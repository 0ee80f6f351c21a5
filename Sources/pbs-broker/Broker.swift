import FoundationEssentials
import Logging
import Shared

/// Takes every input (kube-watcher's and binders' messages, hints, what PBS tells, time), enters it
/// into the ``World``, and compares the pods concerned with their jobs.
@EventLoop
final class Broker {
  /// Seconds that commands of a broker that died may still take effect.
  static let settling = 1.0
  /// Seconds after which every pod is compared with its jobs, whether anything was heard or not.
  private static let comparisonInterval = 10.0

  let settings: BrokerSettings
  let world: World
  private let instance: String
  private let subscription: Subscription
  private let log: Logger
  private let outbox: Outbox
  private var absence: AbsenceGuard
  private var unknownTypes = UnknownTypes()
  /// Pods that were not acted on because our ownership was not confirmed.
  private var postponed: Set<String> = []
  private var comparedAt = -Double.infinity
  private lazy var submitter = makeSubmitter()
  private lazy var deleter = makeDeleter()
  private lazy var poller = makePoller()
  private let backend: any PBSBackend

  init(
    settings: BrokerSettings, instance: String, backend: any PBSBackend,
    subscription: Subscription, publisher: Publisher, log: Logger
  ) {
    self.settings = settings
    self.instance = instance
    self.backend = backend
    self.subscription = subscription
    self.log = log
    let world = World(user: backend.user, hosts: settings.hosts, log: log)
    self.world = world
    absence = AbsenceGuard(share: settings.vanishShare, least: settings.vanishLeast)
    outbox = Outbox(publisher: publisher, log: log)
    outbox.owns = { [unowned self] in owns($0) }
    subscription.onConnected = { world.watcherConnected() }
    subscription.onMessage = { [unowned self] in receive($0) }
    subscription.onSynced = { [unowned self] in synced() }
    subscription.onDisconnected = { world.watcherDisconnected() }
    subscription.onConfirmed = { [unowned self] in resumePostponed() }
    publisher.onMessage = { [unowned self] name, json in answer(json, from: name) }
    publisher.setSynced(true)
  }

  /// Polls PBS for ever.
  func run() async {
    await poller.run()
  }

  // MARK: Inputs

  /// Every message that kube-watcher may send, and what follows.
  private func receive(_ json: Data) {
    let message: WatcherMessage
    do {
      message = try JSONDecoder().decode(WatcherMessage.self, from: json)
    } catch {
      return log.error("kube-watcher: a message cannot be read: \(error)")
    }
    let now = Monotonic.now
    switch message {
    case .pod(let pod, let owner): update(pod, owner: owner)
    case .podGone(let pod, let wasDeleted):
      world.podGone(pod.uid, wasDeleted: wasDeleted, now: now)
    case .node(let node): world.update(node)
    case .nodeGone(let name): world.removeNode(name)
    case .cluster(let cluster): update(cluster)
    case .claim(let claim): world.update(claim)
    case .claimGone(let namespace, let name): world.removeClaim(namespace: namespace, name: name)
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("kube-watcher: message \(type) is unknown, ignored")
      }
    }
    compareChanged()
  }

  private func synced() {
    world.watcherSynced(now: Monotonic.now)
    log.debug("kube-watcher has told all")
    if world.cluster == nil {
      log.error(
        "kube-watcher does not say which cluster it watches: no job is submitted or deleted; is it of an older version?"
      )
    }
    if world.hasNamedJobs { poller.pollSoon(within: 0) }
    compareChanged()
  }

  private func update(_ cluster: Cluster) {
    let names = [cluster.id] + cluster.schedulerNames
    guard names.allSatisfy(Cluster.isID) else {
      return log.error("kube-watcher: the cluster's identity or a scheduler name is no name: \(names)")
    }
    world.setCluster(cluster)
  }

  private func update(_ pod: Pod, owner: String?) {
    let before = pod.metadata.uid.flatMap { world.pods[$0]?.owner }
    guard let (record, isNew) = world.update(pod, owner: owner, now: Monotonic.now) else { return }
    let isSynced = world.syncedSince != nil
    // A pod that others may have acted on needs a poll of PBS first; one that came into being under
    // our eyes does not.
    if owner == instance, record.jobs.isEmpty, !(isNew && isSynced),
      before != instance || !isSynced
    {
      record.pollNeededAfter = Monotonic.now + Self.settling
      poller.pollSoon(within: Self.settling)
    }
    compareChanged()
    // A share that has come back: binders may not have heard it from us.
    if owner == instance, before != instance { outbox.repeatMessage(for: record.uid) }
  }

  /// Every message that a binder may send, and what follows.
  private func answer(_ json: Data, from name: String) {
    let message: BinderMessage
    do {
      message = try JSONDecoder().decode(BinderMessage.self, from: json)
    } catch {
      return log.error("binder \(name): a message cannot be read: \(error)")
    }
    switch message {
    case .outcome(let outcome): settle(outcome)
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("binder \(name): message \(type) is unknown, ignored")
      }
    }
  }

  private func settle(_ outcome: BinderMessage.Outcome) {
    guard let record = world.pods[outcome.pod.uid],
      let settled = outbox.settle(outcome, name: record.name),
      case .bind(let bind) = settled.message
    else { return }
    switch outcome.result {
    case .conflict:
      log.warning(
        "pod \(record.name) is bound to another node than job \(bind.job) runs on: \(outcome.message ?? "")"
      )
    case .refused, .retry:
      // The job may end or run elsewhere before the binding succeeds.
      if world.jobs[bind.job] != nil { poller.confirm(bind.job, within: 1) }
    default: break
    }
  }

  /// PBS's hooks say that something happened to this job.
  func hint(_ job: JobID) {
    poller.hint(job)
  }

  /// An administrator says that the pods whose absence is doubted are really gone.
  func confirmAbsence() {
    let confirmed = absence.confirm()
    log.notice("confirmed by signal: \(confirmed.count) pods with jobs are gone")
    compareAll()
  }

  private func ended(_ id: String, _ words: String, _ uid: String?) {
    world.end(id, words: words, uid: uid, byUs: deleter.isDeleting(id), now: Monotonic.now)
    deleter.forget(id)
    submitter.jobEnded()
  }

  /// A full poll of PBS has been entered: goes on with what waited for it, or for time to pass.
  private func polled(_ begun: Double, _ tellsOfAbsence: Bool) {
    if tellsOfAbsence {
      for record in world.pods.values where record.pollTaken(begun: begun) {
        world.markChanged(record.uid)
      }
    }
    if begun - comparedAt > Self.comparisonInterval {
      comparedAt = begun
      world.markAllChanged()
    } else {
      for record in world.pods.values where !record.isPresent || record.pod?.isTerminating == true {
        world.markChanged(record.uid)
      }
      for job in deleter.jobs {
        if let uid = world.jobs[job]?.job.pod?.uid { world.markChanged(uid) }
      }
    }
    submitter.start()
  }

  // MARK: Comparing

  /// Whether we are to act on a pod at this moment. While that is not confirmed, what is to be done
  /// is postponed.
  private func owns(_ uid: String) -> Bool {
    guard world.pods[uid]?.owner == instance else { return false }
    guard !subscription.ownsItsShare else { return true }
    postponed.insert(uid)
    return false
  }

  private func resumePostponed() {
    guard !postponed.isEmpty else { return }
    let uids = postponed
    postponed.removeAll()
    for uid in uids {
      compare(uid)
      outbox.repeatMessage(for: uid)
    }
  }

  private func compareAll() {
    world.markAllChanged()
    compareChanged()
  }

  private func compareChanged() {
    while true {
      let changed = world.takeChanged()
      guard !changed.isEmpty else { return }
      if world.takeAbsenceChanged() { judgeAbsence() }
      for uid in changed { compare(uid) }
    }
  }

  private func judgeAbsence() {
    let missing = world.missingPods
    guard world.syncedSince != nil, absence.judge(missing, of: world.podsWithJobs) else { return }
    log.error(
      "\(missing.count) of \(world.podsWithJobs) pods with jobs are not among what kube-watcher tells: their jobs are left alone until the pods are back, or an administrator says that they are gone (kill -USR1 \(ProcessInfo.processInfo.processIdentifier))"
    )
  }

  /// Compares what should be with what is, for one pod, and acts.
  private func compare(_ uid: String) {
    guard let record = world.pods[uid] else { return }
    guard let presence = presence(of: record) else { return }
    if case .present = presence {
      // Pods may be told before the nodes that they are bound to.
      guard world.syncedSince != nil else { return }
      guard owns(uid) else { return }
    }
    let jobs = world.ownJobs(of: record)
    let decision = Reconciliation.decide(situation(record, presence, jobs))
    announceStart(jobs)
    for deletion in decision.deletions { deleter.delete(deletion, ofPod: record.name) }
    if let job = decision.unconfirmed { poller.confirm(job) }
    if decision.needsHosts { world.needsHosts = true }
    if decision.submission != nil { submit(record) }
    world.noteClaims(of: record)
    outbox.want(decision.message, for: uid, name: record.name, isGone: record.isGone)
    if record.jobs.isEmpty, !record.isPresent, !record.isSubmitting {
      world.forget(uid)
      outbox.forget(uid)
    }
  }

  /// What is known of the pod object; nil while that is not enough to act on.
  private func presence(of record: PodRecord) -> Situation.Presence? {
    if record.isGone { return .gone }
    let now = Monotonic.now
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

  private func situation(
    _ record: PodRecord, _ presence: Situation.Presence, _ jobs: [JobRecord]
  ) -> Situation {
    let rejections = world.rejections
    let now = Monotonic.now
    return Situation(
      presence: presence, jobs: jobs.map(\.job),
      olderThanBinding: Set(
        jobs.filter { $0.statBegan < record.boundSince ?? 0 }.map(\.job.id)),
      unconfirmed: Set(jobs.filter(\.isUnconfirmed).map(\.job.id)), ended: record.ended,
      boundJob: record.boundJob, disownedJob: record.disownedJob,
      translation: translation(of: record), submitted: record.submitted, refusal: record.refusal,
      hindrance: poller.hindrance,
      submissionHindrance: submitter.hindrance ?? ownersHindrance(record, now),
      hostMap: world.hostMap,
      nodeHindrance: { node in
        rejections.wait(node, now: now).map { wait in
          "it waits to be bound, since the kubelet of \(node) rejects pods (\(wait.reason))"
        }
      },
      isHostAway: world.isHostAway(of: record), bindWhen: settings.bindWhen,
      patience: settings.terminatingPatience)
  }

  /// Why the pod's owner has to wait with its next pods; nil when it has not.
  private func ownersHindrance(_ record: PodRecord, _ now: Double) -> String? {
    guard let wait = record.pod?.controllerUID.flatMap({ world.rejections.wait($0, now: now) })
    else { return nil }
    return
      "kubelets reject the pods of its owner (\(wait.reason)), so that its job is submitted later"
  }

  /// What the pod needs as a job; nil where that does not matter (any more).
  private func translation(of record: PodRecord) -> Result<JobDescription, Refusal>? {
    guard let pod = record.pod, record.isPresent, pod.nodeName == nil, world.cluster != nil else {
      return nil
    }
    let context = TranslationContext(
      policy: settings.policy, cluster: world.cluster?.id, hostMap: world.hostMap,
      claims: world.cluster?.claims == true ? world.claims : nil, claimUsers: world.claimUsers)
    do throws(Refusal) {
      return .success(try PodTranslation.job(for: pod, in: context))
    } catch {
      return .failure(error)
    }
  }

  private func announceStart(_ jobs: [JobRecord]) {
    for known in jobs where !known.isAnnounced && known.job.isRunning {
      guard settings.bindWhen == .prerun || known.job.substate == 42, let host = known.job.host
      else { continue }
      world.markAnnounced(known.job.id)
      log.info("job \(known.job.id) runs on \(host)")
    }
  }

  // MARK: Submitting

  private func submit(_ record: PodRecord) {
    guard !record.isSubmitting, record.pollNeededAfter == nil else { return }
    let now = Monotonic.now
    let owner = record.pod?.controllerUID.flatMap { world.rejections.wait($0, now: now)?.until }
    let wait = max(record.notBefore, owner ?? 0) - now
    guard wait <= 0 else {
      let uid = record.uid
      let timer = EventSource.timer { [weak self] in self?.compare(uid) }
      timer.schedule(after: wait)
      record.submitTimer = timer
      return
    }
    record.isSubmitting = true
    submitter.add(record.uid)
  }

  /// The job that is to be submitted now: things may have changed while the pod waited in the queue.
  private func jobToSubmit(_ uid: String) -> JobDescription? {
    guard let record = world.pods[uid], let pod = record.pod, record.isPresent,
      owns(uid), record.jobs.isEmpty,
      pod.nodeName == nil, !pod.isTerminating, !pod.isFinished,
      case .success(let description) = translation(of: record)
    else { return nil }
    return description
  }

  private func submitted(_ uid: String, _ description: JobDescription, _ id: String) {
    guard let record = world.pods[uid], let pod = record.pod else { return }
    record.submitted = description
    log.info("associating job \(id) to pod \(record.name)")
    record.refusal = nil
    record.unansweredBackoff.reset()
    var job = Job(
      id: id, state: .queued, substate: 10, execHost: nil, runCount: 0, comment: nil,
      exitStatus: nil, holdTypes: nil, owner: "\(backend.user)@", pod: PodReference(pod))
    job.cluster = world.cluster?.id
    job.scheduler = pod.spec.schedulerName
    world.add(job, began: nil, now: Monotonic.now)
    poller.submitted(id)
  }

  private func submissionFailed(_ uid: String, _ error: PBSError) {
    guard let record = world.pods[uid] else { return }
    switch error {
    case .refused(let words):
      let delay = record.backoff.delay()
      record.notBefore = Monotonic.now + delay
      log.warning(
        "pod \(record.name): PBS refuses the job: \(words); again in \(String(rounded: delay)) s")
      record.refusal = words
    case .unavailable(let words), .busy(let words), .limit(let words), .unauthorized(let words):
      log.warning("pod \(record.name): qsub: \(words)")
      record.notBefore = Monotonic.now + record.unansweredBackoff.delay()
      // The job may exist all the same.
      record.pollNeededAfter = Monotonic.now + Self.settling
      poller.pollSoon(within: Self.settling)
    }
  }

  // MARK: The parts

  private func makeSubmitter() -> Submitter {
    Submitter(
      backend: backend, inFlight: settings.submissionsInFlight,
      isAway: { [unowned self] in poller.isAway },
      actions: .init(
        job: { [unowned self] in jobToSubmit($0) },
        taken: { [unowned self] in submitted($0, $1, $2) },
        failed: { [unowned self] in submissionFailed($0, $1) },
        settled: { [unowned self] uid in
          world.pods[uid]?.isSubmitting = false
          world.markChanged(uid)
          compareChanged()
        },
        hindered: { [unowned self] in compareAll() }), log: log)
  }

  private func makeDeleter() -> Deleter {
    Deleter(
      backend: backend, inFlight: settings.submissionsInFlight,
      isWanted: { [unowned self] in isDeletionWanted($0) },
      onTaken: { [unowned self] in poller.pollSoon(within: 0.5) }, log: log)
  }

  private func isDeletionWanted(_ job: String) -> Bool {
    guard let known = world.jobs[job], let uid = known.job.pod?.uid, let record = world.pods[uid],
      let presence = presence(of: record)
    else { return false }
    if case .present = presence {
      guard owns(uid) else { return false }
    }
    return Reconciliation.decide(situation(record, presence, world.ownJobs(of: record)))
      .deletions.contains { $0.job == job }
  }

  private func makePoller() -> JobPoller {
    JobPoller(
      world: world, backend: backend, settings: settings,
      actions: .init(
        ended: { [unowned self] in ended($0, $1, $2) },
        isDeleting: { [unowned self] in deleter.isDeleting($0) },
        polled: { [unowned self] in polled($0, $1) },
        changed: { [unowned self] in compareChanged() }), log: log)
  }
}
