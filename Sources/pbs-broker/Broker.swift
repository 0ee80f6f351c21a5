import ConnectorMetrics
import FoundationEssentials
import Kubernetes
import Logging
import Messages
import Monitoring
import Runtime
import Wire

/// Takes every input (kube-watcher's and binders' messages, hints, what PBS tells, time), enters it
/// into the ``World``, and compares the pods concerned with their jobs.
@EventLoop
final class Broker {
  /// Seconds that commands of a broker that died may still take effect.
  static let settling = 1.0
  /// Seconds after which every pod that is not quiet is compared with its jobs, whether anything was
  /// heard or not.
  static let comparisonInterval = 10.0
  /// The others, of which nothing was heard.
  var rounds = Rounds(period: Broker.round)

  var settings: BrokerSettings { didSet { world.forgetTranslations() } }
  let world: World
  let instance: String
  let subscription: Subscription
  let clock: any Clock
  let log: Logger
  let outbox: Outbox
  var absence: AbsenceGuard
  private var unknownTypes = UnknownTypes()
  /// Pods that were not acted on because our ownership was not confirmed.
  var postponed: Set<String> = []
  let hostWatch: HostWatch
  /// Pods are compared when it fires, since nodes' taints have changed.
  var taintTimer: (any Timer)?
  var comparedAt = -Double.infinity
  /// PBS has been polled, and pods compared with their jobs since.
  var comparedOnce = false
  /// Lines that many pods may cause.
  private(set) lazy var complaints = RepeatedLine(clock: clock, log: log)
  /// Lines about messages that cannot be read.
  private lazy var messages = RepeatedLine(clock: clock, log: log, burst: 20)
  private(set) lazy var users = makeUserTrouble()
  private(set) lazy var submitter = makeSubmitter()
  private(set) lazy var deleter = makeDeleter()
  private(set) lazy var alterer = makeAlterer()
  private(set) lazy var poller = makePoller()
  let nodeMarks: NodeMarks
  let selections: ClaimSelections
  private(set) lazy var nodeSync = makeNodeSync()
  let backend: any PBSBackend
  /// Signs what is submitted; nil where there are no keys.
  let signer: ProofSigner?

  init(
    settings: BrokerSettings, instance: String, backend: any PBSBackend, signer: ProofSigner? = nil,
    subscription: Subscription, publisher: Publisher, clock: any Clock, log: Logger
  ) {
    self.settings = settings
    self.instance = instance
    self.backend = backend
    self.signer = signer
    self.subscription = subscription
    self.clock = clock
    self.log = log
    let world = World(
      user: backend.user, reliance: settings.reliance, hosts: settings.hosts,
      jitter: clock.jitter(), log: log)
    self.world = world
    absence = AbsenceGuard(share: settings.vanishShare, least: settings.vanishLeast)
    outbox = Outbox(publisher: publisher, patience: settings.binderPatience, clock: clock, log: log)
    nodeMarks = NodeMarks(publisher: publisher, clock: clock, log: log)
    selections = ClaimSelections(publisher: publisher, clock: clock, log: log)
    hostWatch = HostWatch(backend: backend, publisher: publisher, clock: clock, log: log)
    nodeMarks.owns = { [unowned self] in ownsNode($0) }
    hostWatch.notes.owns = { [unowned self] in ownsNode($0) }
    outbox.owns = { [unowned self] in owns($0) }
    selections.owns = { [unowned self] in owns($0) }
    outbox.shows = { $0.isDone(world.pods[$0.pod?.uid ?? ""]) }
    outbox.hearsSince = { [subscription] in subscription.ownsItsShare ? world.syncedSince : nil }
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
    async let nodes: Void = nodeSync.run()
    await poller.run()
    await nodes
  }

  // MARK: Inputs

  /// Every message that kube-watcher may send, and what follows.
  private func receive(_ json: JSONDocument) {
    let message: WatcherMessage
    do {
      message = try json.decode(WatcherMessage.self)
    } catch {
      return messages.warn(
        "kube-watcher: a message cannot be read: \(error)", cause: "of kube-watcher")
    }
    let now = clock.now
    switch message {
    case .pod(let pod, let owner): update(pod, owner: owner)
    case .podGone(let pod, let wasDeleted):
      world.podGone(pod.uid, wasDeleted: wasDeleted, now: now)
    case .node(let node, let owner): update(node, owner: owner)
    case .nodeGone(let name): removeNode(name)
    case .cluster(let cluster): update(cluster)
    case .claim(let claim): world.update(claim)
    case .nodeUse(let use): world.update(use)
    case .claimGone(let namespace, let name): world.removeClaim(namespace: namespace, name: name)
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("kube-watcher: message \(type) is unknown, ignored")
      }
    }
    compareChanged()
  }

  private func synced() {
    forgetUntold()
    world.watcherSynced(now: clock.now)
    log.debug("kube-watcher has told all")
    if world.cluster == nil {
      log.error(
        "kube-watcher does not say which cluster it watches: no job is submitted or deleted; is it of an older version?"
      )
    }
    if world.hasNamedJobs { poller.pollSoon(within: 0) }
    sayCapacity()
    compareChanged()
  }

  private func update(_ cluster: Cluster) {
    let names = [cluster.id] + cluster.schedulerNames
    guard names.allSatisfy(Cluster.isID) else {
      return log.error(
        "kube-watcher: the cluster's identity or a scheduler name is no name: \(names)")
    }
    world.setCluster(cluster)
  }

  private func update(_ pod: Pod, owner: String?) {
    let before = pod.metadata.uid.flatMap { world.pods[$0]?.owner }
    let wasSeenWaiting = pod.metadata.uid.flatMap { world.pods[$0]?.pod?.nodeName == nil } ?? false
    guard let (record, isNew) = world.update(pod, owner: owner, now: clock.now) else { return }
    if wasSeenWaiting, !isNew, pod.nodeName != nil {
      record.observeAge(.bindingDelay, at: clock.date)
    }
    let isSynced = world.syncedSince != nil
    // A pod that others may have acted on needs a poll of PBS first; one that came into being under
    // our eyes does not.
    if owner == instance, record.jobs.isEmpty, !(isNew && isSynced),
      before != instance || !isSynced
    {
      record.pollNeededAfter = clock.now + Self.settling
      poller.pollSoon(within: Self.settling)
    }
    compareChanged()
    // A share that has come back: binders may not have heard it from us.
    if owner == instance, before != instance { repeatMessages(for: record.uid) }
  }

  /// Every message that a binder may send, and what follows.
  private func answer(_ json: JSONDocument, from name: String) {
    let message: BinderMessage
    do {
      message = try json.decode(BinderMessage.self)
    } catch {
      return messages.warn(
        "binder \(name): a message cannot be read: \(error)", cause: "of binder \(name)")
    }
    switch message {
    case .outcome(let outcome): settle(outcome, from: name)
    case .nodeOutcome(let outcome): nodeMarks.settle(outcome, from: name)
    case .claimOutcome(let outcome):
      if selections.settle(outcome, from: name) { compare(outcome.pod.uid) }
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("binder \(name): message \(type) is unknown, ignored")
      }
    }
  }

  private func settle(_ outcome: BinderMessage.Outcome, from binder: String) {
    guard let record = world.pods[outcome.pod.uid],
      let settled = outbox.settle(outcome, from: binder, name: record.name),
      case .bind(let bind) = settled.message
    else { return }
    switch outcome.result {
    case .conflict:
      log.warning(
        "pod \(record.name) is bound to another node than job \(bind.job) runs on: \(outcome.message ?? "")",
        metadata: .about(pod: record.name, uid: record.uid, job: bind.job, host: bind.node)
      )
    case .refused, .retry:
      // The job may end or run elsewhere before the binding succeeds.
      if world.jobs[bind.job] != nil { poller.confirm(bind.job, within: 1) }
      if outcome.result == .refused { noteRefusal(of: bind, outcome.message, record) }
    default: break
    }
  }

  /// PBS's hooks say that something happened to this job.
  func hint(_ job: JobID) {
    Metric.hints.count()
    poller.hint(job)
  }

  /// An administrator says that the pods whose absence is doubted are really gone.
  func confirmAbsence() {
    let confirmed = absence.confirm()
    log.notice("confirmed by signal: \(confirmed.count) pods with jobs are gone")
    compareAll()
  }

  func ended(_ id: String, _ words: String, _ uid: String?) {
    Metric.jobEnds.count(1, deleter.isDeleting(id) ? "deleted" : "ended")
    world.end(id, words: words, uid: uid, byUs: deleter.isDeleting(id), now: clock.now)
    deleter.forget(id)
    alterer.ended(id)
    submitter.jobEnded()
  }
}
