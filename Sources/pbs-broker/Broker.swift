import FoundationEssentials
import Logging
import Shared

/// Holds pods and jobs side by side, and acts on the difference.
///
/// kube-watcher's messages and looks at PBS only change what is known; every change ends in
/// ``reconcile(_:)`` for the pod concerned, which asks ``Reconciliation`` what to do.
@EventLoop
final class Broker {
  /// Seconds that commands of a broker that died may still take effect.
  static let settling = 1.0
  /// Seconds between reports on one pod.
  private static let reportInterval = 10.0
  /// Seconds between attempts to delete one job.
  private static let deletionInterval = 10.0

  /// Seconds after which every pod is compared with its jobs, whether anything was heard or not.
  private static let comparisonInterval = 10.0

  let settings: BrokerSettings
  let instance: String
  let backend: any PBSBackend
  let log: Logger
  private let subscription: Subscription
  private let publisher: Publisher

  var records: [String: PodRecord] = [:]
  var jobs: [String: JobRecord] = [:]
  private var nodes: [String: Node] = [:]
  private var hostMap = HostMap()
  /// Jobs of which the next look must tell all.
  private(set) var doubted: Set<String> = []
  /// Since when kube-watcher's word is complete; nil while it is not.
  private var syncedSince: Double?
  /// Pods told since the connection began: what is not among them at `synced` is gone.
  private var told: Set<String> = []
  /// Pods that were not acted on because our ownership was in doubt.
  private var postponed: Set<String> = []
  private var unknownTypes = UnknownTypes()

  private var comparedAt = -Double.infinity
  /// Pods, by UID, that are to have a job; none is submitted while PBS is known to be away.
  private lazy var submissions = WorkQueue<String>(
    limit: { [unowned self] in tracker.isAway ? 0 : settings.submissionsInFlight },
    work: { [unowned self] in await submitNow($0) })
  private lazy var deletions = WorkQueue<Decision.Deletion>(
    limit: { [unowned self] in settings.submissionsInFlight },
    work: { [unowned self] in await deleteNow($0) })
  lazy var tracker = JobTracker(broker: self)

  init(
    settings: BrokerSettings, instance: String, backend: any PBSBackend,
    subscription: Subscription, publisher: Publisher, log: Logger
  ) {
    self.settings = settings
    self.instance = instance
    self.backend = backend
    self.subscription = subscription
    self.publisher = publisher
    self.log = log
    hostMap.table = settings.hosts
    subscription.onConnected = { [unowned self] in told.removeAll() }
    subscription.onMessage = { [unowned self] in receive($0) }
    subscription.onSynced = { [unowned self] in synced() }
    subscription.onDisconnected = { [unowned self] in syncedSince = nil }
    subscription.onConfirmed = { [unowned self] in resumePostponed() }
    publisher.onMessage = { [unowned self] _, json in answer(json) }
    publisher.objects = { [unowned self] in records.values.compactMap(published) }
    publisher.setSynced(true)
  }

  /// Looks at PBS for ever.
  func run() async {
    await tracker.run()
  }

  /// PBS's hooks say that something happened to this job.
  func hint(job: String) {
    tracker.hint(job)
  }

  // MARK: What kube-watcher tells

  /// Every message that kube-watcher may send, and what follows.
  private func receive(_ json: Data) {
    let message: WatcherMessage
    do {
      message = try JSONDecoder().decode(WatcherMessage.self, from: json)
    } catch {
      return log.error("kube-watcher: a message cannot be read: \(error)")
    }
    switch message {
    case .pod(let pod, let owner): update(pod, owner: owner)
    case .podGone(let pod, _): remove(pod.uid)
    case .node(let node): update(node)
    case .nodeGone(let name): removeNode(name)
    case .cluster, .claim, .claimGone: break
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("kube-watcher: message \(type) is unknown, ignored")
      }
    }
  }

  private func update(_ pod: Pod, owner: String?) {
    guard let uid = pod.metadata.uid else { return }
    if syncedSince == nil { told.insert(uid) }
    let known = records[uid]
    let record = known ?? PodRecord(uid: uid)
    records[uid] = record
    let isOurs = owner == instance
    // A pod that others may have acted on needs a look at PBS first; one that came into
    // being under our eyes does not.
    let isNew = known?.pod == nil && syncedSince != nil
    if isOurs, record.jobs.isEmpty, !isNew, record.owner != instance || syncedSince == nil {
      record.lookNeededAfter = Monotonic.now + Self.settling
      tracker.lookSoon(within: Self.settling)
    }
    let hasComeBack = isOurs && record.message != nil && record.owner != instance
    if pod.nodeName != nil, record.boundSince == nil { record.boundSince = Monotonic.now }
    record.pod = pod
    record.owner = owner
    record.withoutPodSince = nil
    reconcile(uid)
    if hasComeBack { tellAgain(record) }
  }

  private func remove(_ uid: String) {
    guard let record = records[uid] else { return }
    record.isGone = true
    reconcile(uid)
  }

  private func synced() {
    for (uid, record) in records where record.pod != nil && !told.contains(uid) {
      record.isGone = true
    }
    told.removeAll()
    syncedSince = Monotonic.now
    log.debug("kube-watcher has told all")
    if !expectedJobs().isEmpty { tracker.lookSoon(within: 0) }
    reconcileAll()
  }

  private func update(_ node: Node) {
    let name = node.metadata.name
    nodes[name] = node
    if hostMap.update(node) { reconcileAll() }
  }

  private func removeNode(_ name: String) {
    nodes[name] = nil
    hostMap.removeNode(name)
  }

  // MARK: What a binder answers

  private func answer(_ json: Data) {
    guard let message = try? JSONDecoder().decode(BinderMessage.self, from: json) else {
      return log.error("binder: a message cannot be read")
    }
    switch message {
    case .outcome(let outcome): settle(outcome)
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("binder: message \(type) is unknown, ignored")
      }
    }
  }

  private func settle(_ outcome: BinderMessage.Outcome) {
    guard let record = records[outcome.pod.uid], let message = record.message,
      message.answers(outcome)
    else { return }
    let words = outcome.message.map { ": \($0)" } ?? ""
    switch outcome.result {
    case .bound, .deleted, .reported, .gone, .finished:
      record.isAnswered = true
      record.retryBackoff.reset()
    case .conflict:
      log.warning(
        "pod \(record.name) is bound to another node than job \(outcome.job ?? "") runs on\(words)")
      record.isAnswered = true
    case .refused, .retry:
      // The job may end or run elsewhere before the binding succeeds.
      if case .bind(let bind) = message, jobs[bind.job] != nil {
        doubted.insert(bind.job)
        tracker.lookSoon(within: 0)
      }
      let delay = record.retryBackoff.delay()
      log.log(
        level: outcome.result == .refused ? .error : .debug,
        "pod \(record.name): \(outcome.request): \(outcome.result.rawValue)\(words), again in \(String(rounded: delay)) s"
      )
      let timer = EventSource.timer { [weak self, weak record] in
        guard let self, let record, record.message == message, !record.isAnswered else { return }
        if let object = published(record) { publisher.publish(object) }
      }
      timer.schedule(after: delay)
      record.retryTimer = timer
    }
  }

  private func published(_ record: PodRecord) -> Published? {
    guard let message = record.message, !record.isAnswered else { return nil }
    guard owns(record) else {
      // A binder that connects meanwhile is to hear of it as soon as the doubt is over.
      if record.owner == instance { postponed.insert(record.uid) }
      return nil
    }
    return Published(key: record.uid, uid: record.uid) { try JSONEncoder().encode(message) }
  }

  // MARK: Reconciling

  private func owns(_ record: PodRecord) -> Bool {
    record.owner == instance && subscription.ownsItsShare
  }

  private func resumePostponed() {
    guard !postponed.isEmpty else { return }
    let uids = postponed
    postponed.removeAll()
    for uid in uids {
      reconcile(uid)
      if let record = records[uid] { tellAgain(record) }
    }
  }

  /// Repeats what has not been answered: binders may not have heard it from us.
  private func tellAgain(_ record: PodRecord) {
    if let object = published(record) { publisher.publish(object) }
  }

  func reconcileAll() {
    for uid in Array(records.keys) { reconcile(uid) }
  }

  /// Compares what should be with what is, for one pod, and acts.
  func reconcile(_ uid: String) {
    guard let record = records[uid] else { return }
    guard let presence = presence(of: record) else { return }
    if case .present = presence {
      // Pods may be told before the nodes that they are bound to.
      guard syncedSince != nil else { return }
      guard owns(record) else {
        if record.owner == instance { postponed.insert(uid) }
        return
      }
    }
    let map = hostMap
    let situation = Situation(
      presence: presence, jobs: record.jobs.compactMap { jobs[$0]?.job },
      olderThanBinding: record.jobs.filter { (jobs[$0]?.statBegan ?? 0) < record.boundSince ?? 0 },
      vanished: record.jobs.filter { jobs[$0]?.hasVanished == true }, ended: record.ended,
      nodeOf: { map.node(of: $0) }, isHostAway: isHostAway(of: record), bindWhen: settings.bindWhen,
      patience: settings.terminatingPatience)
    let decision = Reconciliation.decide(situation)
    announceStart(record)
    for deletion in decision.deletions { delete(deletion, of: record) }
    if let job = decision.doubted {
      doubted.insert(job)
      tracker.lookSoon(within: 0)
    }
    var message = decision.message
    if decision.submits { submit(record, &message) }
    setMessage(message, of: record)
    if record.isGone, record.jobs.isEmpty, !record.isSubmitting { records[uid] = nil }
    if record.pod == nil, !record.isGone, record.jobs.isEmpty { records[uid] = nil }
  }

  /// What is known of the pod object; nil while that is not enough to act on.
  private func presence(of record: PodRecord) -> Situation.Presence? {
    if record.isGone { return .gone }
    if let pod = record.pod { return .present(pod) }
    // A job without a pod: ours to delete only when both have had time to show up.
    let now = Monotonic.now
    let since = record.withoutPodSince ?? now
    record.withoutPodSince = since
    guard let syncedSince, now - max(since, syncedSince) >= settings.orphanGrace else { return nil }
    // The pod may wait in the queue of a kube-watcher that is stopped; what it queued before its
    // last ping has been heard.
    guard subscription.ownsItsShare else { return nil }
    return .neverSeen
  }

  private func isHostAway(of record: PodRecord) -> Bool {
    guard let pod = record.pod, pod.isTerminating, let name = pod.nodeName else { return false }
    if let node = nodes[name], !node.isReady { return true }
    return hostMap.hosts.down.contains { hostMap.node(of: $0) == name }
  }

  /// Whether some pod is to go from its node, so that it matters whether that is down.
  var hasTerminatingPods: Bool {
    records.values.contains { $0.pod?.isTerminating == true && $0.pod?.nodeName != nil }
  }

  /// Pods that PBS must tell the state of: bound, not finished, with a job that we do not
  /// know yet. None before all pods were told: of a mass disappearance the first few alone would
  /// look like single ends.
  func expectedJobs() -> [String: String] {
    var expected: [String: String] = [:]
    guard syncedSince != nil else { return expected }
    for record in records.values {
      guard let pod = record.pod, !record.isGone, pod.nodeName != nil, !pod.isFinished,
        let job = pod.metadata.annotations?[WellKnown.jobID],
        jobs[job]?.job.pod?.uid != record.uid,
        !record.ended.contains(where: { $0.id == job })
      else { continue }
      expected[job] = record.uid
    }
    return expected
  }

  func setHosts(_ hosts: PBSHosts) {
    guard hosts != hostMap.hosts else { return }
    hostMap.hosts = hosts
    reconcileAll()
  }

  private func announceStart(_ record: PodRecord) {
    for id in record.jobs {
      guard let known = jobs[id], !known.isAnnounced, known.job.isRunning, let host = known.job.host
      else { continue }
      guard settings.bindWhen == .prerun || known.job.substate == 42 else { continue }
      jobs[id]?.isAnnounced = true
      log.info("job \(id) runs on \(host)")
    }
  }

  // MARK: Telling binders

  private func setMessage(_ message: BrokerMessage?, of record: PodRecord) {
    guard message != record.message else { return }
    if case .report = message, case .report = record.message,
      Monotonic.now - record.reportedAt < Self.reportInterval
    {
      // PBS rewrites its comments all the time; the next look brings this one again.
      return
    }
    if message == nil, !record.isGone, !record.isAnswered,
      case .report(let report) = record.message,
      !report.unscheduled
    {
      // What happened stays true, though nothing is to be done about it any more.
      return
    }
    let before = record.message
    let wasAnswered = record.isAnswered
    record.message = message
    record.isAnswered = false
    record.retryTimer = nil
    if let message {
      if case .report = message { record.reportedAt = Monotonic.now }
      if case .evict(let evict) = message {
        log.warning("pod \(record.name) is to be deleted: \(evict.message)")
      }
      if let object = published(record) { publisher.publish(object) }
    } else if let before, !wasAnswered, let pod = before.pod {
      publisher.announce(key: record.uid, uid: record.uid, BrokerMessage.withdraw(pod))
    }
  }

  // MARK: Submitting

  private var translation: TranslationContext {
    TranslationContext(policy: settings.policy, hostMap: hostMap)
  }

  private func submit(_ record: PodRecord, _ message: inout BrokerMessage?) {
    guard let pod = record.pod, let reference = PodReference(pod) else { return }
    do throws(Refusal) {
      _ = try PodTranslation.job(for: pod, in: translation)
    } catch {
      // The host that it asks for may be new.
      if error.dependsOnHosts { tracker.needsHosts = true }
      message = .report(
        .init(
          pod: reference, job: nil, reason: "FailedScheduling", message: error.description,
          warning: true, unscheduled: true))
      if record.message != message {
        log.warning("pod \(pod.fullName) cannot become a job: \(error)")
      }
      return
    }
    if let refusal = record.refusal {
      message = .report(
        .init(
          pod: reference, job: nil, reason: "FailedScheduling",
          message: "PBS refuses the job: \(refusal)",
          warning: true, unscheduled: true))
    }
    guard !record.isSubmitting, record.lookNeededAfter == nil else { return }
    let wait = record.notBefore - Monotonic.now
    guard wait <= 0 else {
      let uid = record.uid
      let timer = EventSource.timer { [weak self] in self?.reconcile(uid) }
      timer.schedule(after: wait)
      record.submitTimer = timer
      return
    }
    record.isSubmitting = true
    submissions.add(record.uid)
  }

  /// Goes on with the submissions that waited for PBS to answer.
  func startSubmissions() {
    submissions.start()
  }

  private func submitNow(_ uid: String) async {
    guard let record = records[uid] else { return }
    defer {
      record.isSubmitting = false
      reconcile(uid)
    }
    // Things may have changed while it waited in the queue.
    guard let pod = record.pod, !record.isGone, owns(record), record.jobs.isEmpty,
      pod.nodeName == nil, !pod.isTerminating, !pod.isFinished
    else { return }
    let description: JobDescription
    do throws(Refusal) {
      description = try PodTranslation.job(for: pod, in: translation)
    } catch {
      return  // Reported by submit(_:_:).
    }
    do throws(PBSError) {
      let id = try await backend.submit(description)
      log.info("associating job \(id) to pod \(pod.fullName)")
      record.refusal = nil
      record.unansweredBackoff.reset()
      add(
        Job(
          id: id, state: .queued, substate: 10, execHost: nil, runCount: 0, comment: nil,
          exitStatus: nil, holdTypes: nil, owner: "", pod: PodReference(pod)))
      tracker.submitted(id)
    } catch {
      switch error {
      case .refused(let words):
        let delay = record.backoff.delay()
        record.notBefore = Monotonic.now + delay
        log.warning(
          "pod \(pod.fullName): PBS refuses the job: \(words); again in \(String(rounded: delay)) s"
        )
        record.refusal = words
      case .unavailable(let words), .busy(let words), .limit(let words), .unauthorized(let words):
        log.warning("pod \(pod.fullName): qsub: \(words)")
        // Not the pod's fault, so it does not wait as long as one that PBS refuses.
        record.notBefore = Monotonic.now + record.unansweredBackoff.delay()
        // The job may exist all the same.
        record.lookNeededAfter = Monotonic.now + Self.settling
        tracker.lookSoon(within: Self.settling)
      }
    }
  }

  // MARK: Jobs

  /// A job that has not ended: new, or told anew by a command that began at this moment.
  func add(_ job: Job, began: Double = 0) {
    guard let uid = job.pod?.uid else { return }
    release(job.id, unlessOf: uid)
    let now = Monotonic.now
    var known = jobs[job.id] ?? JobRecord(job: job, addedAt: now, statAt: 0)
    // qsub's end tells less than a look that overtook it.
    if known.statAt == 0 || job.owner != "" { known.job = job }
    if job.owner != "" {
      known.statAt = now
      known.statBegan = began
      known.hasVanished = false
      doubted.remove(job.id)
    }
    jobs[job.id] = known
    let record = records[uid] ?? PodRecord(uid: uid)
    records[uid] = record
    record.jobs.insert(job.id)
  }

  /// Has the next look tell all of these jobs.
  func doubt(_ ids: Set<String>) {
    doubted.formUnion(ids)
  }

  /// PBS does not know this job, with many others.
  func doubtEnd(of id: String) {
    guard jobs[id]?.hasVanished == false, let uid = jobs[id]?.job.pod?.uid else { return }
    jobs[id]?.hasVanished = true
    reconcile(uid)
  }

  /// A job of this id is another pod's, or nobody's, than we knew: PBS has lost its jobs and counts
  /// anew. What that means for the pod that had it, the next look decides.
  func release(_ id: String, unlessOf uid: String?) {
    guard let former = jobs[id]?.job.pod?.uid, former != uid else { return }
    log.warning("job \(id) no longer is the one of pod \(records[former]?.name ?? former)")
    jobs[id] = nil
    records[former]?.jobs.remove(id)
    reconcile(former)
  }

  /// PBS has said that a job has ended.
  func end(_ id: String, words: String, uid: String?) {
    let isAnothers = uid != nil && jobs[id]?.job.pod?.uid != uid
    let known = isAnothers ? nil : jobs.removeValue(forKey: id)
    doubted.remove(id)
    guard let uid = known?.job.pod?.uid ?? uid, let record = records[uid] else { return }
    record.jobs.remove(id)
    let wasOurs = known?.deletedAt != nil
    if !record.isGone {
      record.ended.append(EndedJob(id: id, words: words))
      if record.ended.count > 4 { record.ended.removeFirst() }
      // The broker of a kube-watcher that stands by knows of jobs, but of no pods.
      if !wasOurs, let pod = record.pod, pod.nodeName == nil {
        let delay = record.backoff.delay()
        record.notBefore = Monotonic.now + delay
        log.warning("job \(id) of pod \(record.name) ended before it was bound: \(words)")
      }
    }
    log.debug("job \(id) of pod \(record.name) has ended: \(words)")
    reconcile(uid)
  }

  /// Whether some submission waits for a look.
  var isAwaitingLook: Bool { records.values.contains { $0.lookNeededAfter != nil } }

  /// A complete look at PBS, begun at this moment, has been taken in: goes on with what
  /// waited for it, or waits for time to pass. Everything is compared again now and then.
  /// - Parameter tellsOfAbsence: whether a job that the look did not show is not there.
  func looked(begun: Double, tellsOfAbsence: Bool) {
    let satisfied = tellsOfAbsence ? records.values.filter { $0.lookTaken(begun: begun) } : []
    if begun - comparedAt > Self.comparisonInterval {
      comparedAt = begun
      reconcileAll()
    } else {
      for record in satisfied { reconcile(record.uid) }
      let due = records.values.filter { record in
        record.pod == nil || record.isGone
          || record.pod?.isTerminating == true
          || record.jobs.contains { jobs[$0]?.deletedAt != nil }
      }
      for record in due { reconcile(record.uid) }
    }
    startSubmissions()
  }

  private func delete(_ deletion: Decision.Deletion, of record: PodRecord) {
    let now = Monotonic.now
    if let last = jobs[deletion.job]?.deletedAt, now - last < Self.deletionInterval { return }
    if jobs[deletion.job]?.deletedAt == nil {
      log.info("deleting job \(deletion.job) of pod \(record.name): \(deletion.reason)")
    }
    jobs[deletion.job]?.deletedAt = now
    deletions.add(deletion)
  }

  private func deleteNow(_ deletion: Decision.Deletion) async {
    do throws(PBSError) {
      try await backend.delete(deletion.job, force: deletion.force)
    } catch {
      // Asked for again by the reconciling that follows the next look.
      jobs[deletion.job]?.deletedAt = -Self.deletionInterval
      log.warning("qdel \(deletion.job): \(error)")
    }
    tracker.lookSoon(within: 0.5)
  }
}

extension BrokerMessage {
  /// Whether an outcome is about this very message.
  fileprivate func answers(_ outcome: BinderMessage.Outcome) -> Bool {
    switch self {
    case .bind(let bind): outcome.request == "bind" && outcome.job == bind.job
    case .evict(let evict): outcome.request == "evict" && outcome.job == evict.job
    case .report(let report): outcome.request == "report" && outcome.job == report.job
    case .withdraw, .unknown: false
    }
  }
}
