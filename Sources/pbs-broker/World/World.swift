import Kubernetes
import Logging
import Messages
import Monitoring
import Runtime

/// What is known: pods, jobs, nodes, hosts, and which cluster it is. Facts are entered here, and
/// the pods that they concern are collected in ``changed``, to be compared with their jobs.
@EventLoop
final class World {
  /// PBS's name for us, the owner of our jobs.
  let user: String
  /// By what jobs are believed to be ours.
  let reliance: Reliance
  let log: Logger
  private var jitter: Jitter

  private(set) var pods: [String: PodRecord] = [:]
  private(set) var jobs = JobBook()
  private(set) var nodes: [String: Node] = [:]
  var nodeFacts = NodeFacts()
  /// Counts changes of what translations depend on, besides pods, their claims and node facts.
  var changesOfSite = 0
  /// Which pods of ours use claims.
  var claimUsers = ClaimUsers()
  /// Pods by name.
  private(set) var directory = PodDirectory()
  /// By "namespace/name".
  var claims: [String: VolumeClaim] = [:]
  var claimReach = ClaimReach()
  /// Jobs of our user that are not ours: another cluster's, another connector's, or no pod's.
  var foreignJobs: Set<String> = []
  /// nil while kube-watcher has not told it.
  private(set) var cluster: Cluster?
  var hostMap = HostMap() { didSet { changesOfSite += 1 } }
  /// PBS's server by its name in jobs' ids; empty while it is not known, and whether some pod waits
  /// for it.
  var server = "" {
    didSet { if server != oldValue { markAllChanged() } }
  }
  var needsServer = false
  /// Some pod asks for a host that is not known.
  var needsHosts = false
  /// Owners, nodes and requests whose pods are rejected, refused, or lose their jobs too early.
  var rejections: RejectionBackoff
  /// What nodes have left for pods, and which pods wait for that: their nodes by their UIDs.
  var ledger = NodeLedger()
  var lackingRoom: [String: String] = [:]
  /// Since when kube-watcher's word is complete; nil while it is not.
  private(set) var syncedSince: Double?
  /// Pods told since the connection began: what is not among them at `synced` is missing.
  private var toldSinceConnected: Set<String> = []
  /// The same of nodes and claims.
  var told = ToldObjects()
  /// UIDs of pods to compare with their jobs.
  private var changed: Set<String> = []
  /// Names of hosts or nodes have changed since ``takeNamesChanged()``.
  var isNamesChanged = true {
    didSet { if isNamesChanged { nodeFacts.forgetHosts() } }
  }
  /// Some pod is missing since the last call of ``takeAbsenceChanged()``.
  private var isAbsenceChanged = false

  init(
    user: String, reliance: Reliance = .owner, hosts: [String: String], jitter: Jitter,
    log: Logger
  ) {
    self.user = user
    self.reliance = reliance
    self.log = log
    self.jitter = jitter
    rejections = RejectionBackoff(jitter: self.jitter.split())
    hostMap = HostMap(table: hosts)
  }

  /// The pods that facts entered since the last call concern.
  func takeChanged() -> Set<String> {
    defer { changed = [] }
    return changed
  }

  /// Whether pods with jobs have come to be missing since the last call.
  func takeAbsenceChanged() -> Bool {
    defer { isAbsenceChanged = false }
    return isAbsenceChanged
  }

  func markChanged(_ uid: String) { changed.insert(uid) }

  func markAllChanged() {
    changed.formUnion(pods.keys)
  }

  // MARK: What kube-watcher tells

  func watcherConnected() {
    ledger.forgetUses()
    toldSinceConnected.removeAll()
    told = ToldObjects()
  }

  func watcherDisconnected() { syncedSince = nil }

  /// All has been told: pods that were not are missing.
  func watcherSynced(now: Double) {
    for (uid, record) in pods where record.isPresent && !toldSinceConnected.contains(uid) {
      missing(record, wasDeleted: false, now: now)
    }
    toldSinceConnected.removeAll()
    syncedSince = now
    isAbsenceChanged = true
    markAllChanged()
  }

  /// - Returns: the pod's record, and whether the pod was unknown until now.
  func update(_ pod: Pod, owner: String?, now: Double) -> (record: PodRecord, isNew: Bool)? {
    guard let uid = pod.metadata.uid else { return nil }
    if syncedSince == nil { toldSinceConnected.insert(uid) }
    let isNew = pods[uid]?.pod == nil
    let record = record(uid)
    noteFate(of: pod, record, now: now)
    record.noteGrace(of: pod, before: record.pod, now: now)
    if pod.nodeName == nil {
      forgetBinding(of: record)
    } else if record.boundSince == nil {
      record.boundSince = now
    }
    if record.pod?.nodeName != nil, record.pod?.spec != pod.spec { record.isResized = true }
    // Also while nobody watched.
    if pod.nodeName != nil, pod.metadata.resized == true { record.isResized = true }
    record.noteChange(to: pod, now: now)
    record.pod = pod
    noteHolding(of: pod, isOwnerNew: record.owner != owner)
    directory.enter(pod)
    changed.formUnion(directory.dependants(of: pod.fullName))
    record.owner = owner
    // It may have been missing from one list, and its job may be on its way out: that is found out
    // as ever.
    record.isGone = false
    record.missingSince = nil
    recognise(record)
    changed.insert(uid)
    return (record, isNew)
  }

  /// The pod no longer exists.
  /// - Parameter wasDeleted: whether Kubernetes said so; false when it was only missing.
  func podGone(_ uid: String, wasDeleted: Bool, now: Double) {
    guard let record = pods[uid] else { return }
    missing(record, wasDeleted: wasDeleted, now: now)
    changed.insert(uid)
  }

  private func missing(_ record: PodRecord, wasDeleted: Bool, now: Double) {
    let pod = record.pod
    if wasDeleted || pod?.isTerminating == true || pod?.isFinished == true {
      record.isGone = true
      releaseRoom(of: record.uid)
    } else {
      isAbsenceChanged = true
      record.missingSince = record.missingSince ?? now
    }
  }

  func update(_ node: Node) {
    let name = node.metadata.name
    if claimReach.update(node, before: nodes[name]) { markAllChanged() }
    nodes[name] = node
    told.note(node)
    noteRoom(of: node)
    guard hostMap.update(node) else { return }
    isNamesChanged = true
    markAllChanged()
  }

  func removeNode(_ name: String) {
    if let node = nodes.removeValue(forKey: name) { nodeFacts.remove(node) }
    ledger.removeNode(name)
    claimReach.removeNode(name)
    hostMap.removeNode(name)
    isNamesChanged = true
    // What is to be bound there is not any more.
    markAllChanged()
  }

  /// Which cluster it is: says anew whose the jobs are.
  func setCluster(_ new: Cluster) {
    guard new != cluster else { return }
    if let cluster, cluster.id != new.id {
      log.error(
        "kube-watcher now watches cluster \(new.id), not \(cluster.id): jobs of the former are left alone"
      )
    }
    cluster = new
    changesOfSite += 1
    foreignJobs.removeAll()
    for (id, known) in jobs.records where ownership(of: known.job) == .foreign {
      drop(id)
      foreignJobs.insert(id)
    }
    markAllChanged()
  }

  // MARK: What PBS tells

  /// A job that has not ended: new from qsub (`began` nil), or told by a command that began then.
  func add(_ job: Job, began: Double?, now: Double) {
    guard let uid = job.pod?.uid else { return }
    release(job.id, unlessOf: uid)
    var known = jobs[job.id] ?? JobRecord(job: job, addedAt: now)
    // qsub's end tells less than a poll that overtook it.
    if known.statAt == 0 || began != nil { known.job = job }
    if let began {
      known.statAt = now
      known.statBegan = began
      known.isUnconfirmed = false
      let isStarting = job.isRunning && job.substate != 42
      known.startingSince = isStarting ? known.startingSince ?? now : nil
    }
    jobs[job.id] = known
    let record = record(uid)
    record.jobs.insert(job.id)
    if !record.isPresent { isAbsenceChanged = true }
    recognise(record)
    changed.formUnion(directory.dependants(of: record.name).union([uid]))
  }

  /// PBS does not know this job, with many others.
  func markUnconfirmed(_ id: String) {
    guard jobs[id]?.isUnconfirmed == false, let uid = jobs[id]?.job.pod?.uid else { return }
    jobs[id]?.isUnconfirmed = true
    changed.insert(uid)
  }

  func markAnnounced(_ id: String) { jobs[id]?.isAnnounced = true }

  /// A job of this id is another pod's, or nobody's, than we knew: PBS has lost its jobs and
  /// counts anew. What that means for the pod that had it, the next poll decides.
  func release(_ id: String, unlessOf uid: String?) {
    guard let former = jobs[id]?.job.pod?.uid, former != uid else { return }
    log.warning(
      "job \(id) no longer is the one of pod \(pods[former]?.name ?? former)",
      metadata: .about(pod: pods[former]?.name, uid: former, job: id))
    drop(id)
  }

  private func drop(_ id: String) {
    guard let uid = jobs.remove(id)?.job.pod?.uid else { return }
    pods[uid]?.jobs.remove(id)
    changed.insert(uid)
  }

  /// PBS has said that a job has ended.
  /// - Parameters:
  ///   - uid: the pod that it belonged to, where the job itself says so.
  ///   - byUs: whether we have asked for its deletion.
  func end(_ id: String, words: String, uid: String?, byUs: Bool, now: Double) {
    let isAnothers = uid != nil && jobs[id]?.job.pod?.uid != uid
    let known = isAnothers ? nil : jobs.remove(id)
    guard let uid = known?.job.pod?.uid ?? uid, let record = pods[uid] else { return }
    record.jobs.remove(id)
    changed.insert(uid)
    log.debug(
      "job \(id) of pod \(record.name) has ended: \(words)",
      metadata: .about(pod: record.name, uid: uid, job: id))
    guard !record.isGone else { return }
    record.addEnded(EndedJob(id: id, words: words))
    if !byUs { noteEnd(of: record, now: now) }
    rejections.endTrials(of: uid)
    // The broker of a kube-watcher that stands by knows of jobs, but of no pods.
    guard let pod = record.pod, pod.nodeName == nil else { return }
    // Also after a job that we have deleted since it does not fit: the next one may not, either.
    if !byUs || record.jobs.isEmpty {
      record.notBefore = max(record.notBefore, now + record.backoff.delay())
    }
    if !byUs {
      log.warning(
        "job \(id) of pod \(record.name) ended before it was bound: \(words)",
        metadata: .about(pod: record.name, uid: uid, job: id))
    }
  }

  // MARK: Questions

  func record(_ uid: String) -> PodRecord {
    if let record = pods[uid] { return record }
    let record = PodRecord(uid: uid, jitter: jitter.split())
    pods[uid] = record
    return record
  }

  func forget(_ uid: String) {
    claimUsers.remove(uid)
    rejections.endTrials(of: uid)
    releaseRoom(of: uid)
    lackingRoom[uid] = nil
    directory.remove(uid)
    pods[uid] = nil
  }
}
