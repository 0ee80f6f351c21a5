import FoundationEssentials
import Kubernetes
import KubernetesClient
import Logging
import Messages
import Monitoring
import Runtime
import Startup
import Wire

/// Holds what the API server says of our pods, of all nodes and volume claims, and publishes it.
@EventLoop
final class Watcher {
  /// What is watched, and how.
  struct Options {
    /// Sorted, each once.
    var schedulerNames: [String]
    /// The cluster's name, in place of the UID of kube-system.
    var cluster: String?
    var timing: WatchTiming
  }

  /// What is listed by itself.
  private enum Part: Hashable {
    case pods(of: String)
    case nodes, claims, uses
  }

  let client: KubernetesClient
  let publisher: Publisher
  private let options: Options
  private let identity: ClusterIdentity
  let claims: ClaimView
  private let clock: any Clock
  private let uses = NodeUseView()
  private let log: Logger
  private(set) var pods: [String: Pod] = [:]
  private(set) var nodes: [String: Node] = [:]
  /// Whether it is to watch: false while another process leads.
  var leads = true { didSet { anotherLeads = false } }
  /// Whether another process is known to lead.
  var anotherLeads = false { didSet { publisher.standsBy = anotherLeads } }
  /// Listings that are still to come before what we hold is complete.
  private var missing: Set<Part> = []
  private var hasBeenComplete = false

  init(
    client: KubernetesClient, publisher: Publisher, options: Options, clock: any Clock, log: Logger
  ) {
    self.client = client
    self.publisher = publisher
    self.options = options
    self.clock = clock
    self.log = log
    identity = ClusterIdentity(client: client, configured: options.cluster, clock: clock, log: log)
    claims = ClaimView(clock: clock, log: log)
    publisher.objects = { [unowned self] in snapshot() }
    claims.onMessage = { [unowned self] in tell($0) }
    uses.onChange = { [unowned self] in tell(.nodeUse($0)) }
    uses.onList = { [unowned self] in completed(.uses) }
    claims.onKnowledge = { [unowned self] in claimsChanged() }
  }

  /// Watches until the task is cancelled; another cluster behind the same address begins anew.
  func run() async {
    var backoff = Backoff(first: 1, longest: 60, jitter: clock.jitter())
    while !Task.isCancelled {
      let round = Task { @EventLoop in await watchCluster() }
      identity.onChanged = { [publisher] in
        // At once: nothing that is heard from now on belongs to what subscribers know.
        publisher.setSynced(false)
        round.cancel()
      }
      await withTaskCancellationHandler {
        await round.value
      } onCancel: {
        round.cancel()
      }
      publisher.setSynced(false)
      pods.removeAll()
      nodes.removeAll()
      claims.forget()
      uses.forget()
      // A cancelled task ends the loop.
      try? await clock.sleep(seconds: Task.isCancelled ? 0 : backoff.delay())
    }
  }

  private func watchCluster() async {
    await identity.find { [unowned self] in judge($0) }
    guard let id = identity.id, !Task.isCancelled else { return }
    log.info("watches the cluster \(id)")
    // A selector is a conjunction, so each scheduler name has a watch of its own.
    missing = Set(options.schedulerNames.map(Part.pods)).union([.nodes, .claims, .uses])
    await withTaskGroup(of: Void.self) { group in
      for name in options.schedulerNames {
        let pods = reflector(Pod.self, "/api/v1/pods", selector: "spec.schedulerName=\(name)")
        pods.onList = { [unowned self] in replace($0, of: name) }
        pods.onChange = { [unowned self] in change($0) }
        group.addTask { await pods.run() }
      }
      let nodes = reflector(Node.self, "/api/v1/nodes")
      nodes.onList = { [unowned self] in replace($0) }
      nodes.onChange = { [unowned self] in change($0) }
      group.addTask { await nodes.run() }
      let others = reflector(
        HeldPod.self, "/api/v1/pods",
        selector: NodeUseView.selector(excluding: options.schedulerNames))
      uses.follow(others)
      group.addTask { await others.run() }
      let claiming = reflector(PersistentVolumeClaim.self, "/api/v1/persistentvolumeclaims")
      let volumes = reflector(PersistentVolume.self, "/api/v1/persistentvolumes")
      let classes = reflector(StorageClass.self, "/apis/storage.k8s.io/v1/storageclasses")
      claims.follow(claiming, classes, volumes) { [unowned self] in judge($0) }
      group.addTask { await claiming.run() }
      group.addTask { await volumes.run() }
      group.addTask { await classes.run() }
      group.addTask { [weak self] in await self?.confirmIdentity() }
    }
  }

  private func reflector<Object>(
    _: Object.Type, _ path: String, selector: String? = nil
  ) -> Reflector<Object> {
    let reflector = Reflector<Object>(
      client: client, path: path, selector: selector, timing: options.timing, clock: clock,
      log: log)
    reflector.confirm = { [identity] in try await identity.confirm() }
    reflector.onFailure = { [unowned self] error in
      judge(error)
      return .retry
    }
    return reflector
  }

  /// Looks now and then whether it is still the same cluster.
  private func confirmIdentity() async {
    while true {
      do {
        try await clock.sleep(
          seconds: options.timing.checkInterval * clock.random(in: 0.8...1.2))
        try await identity.confirm()
      } catch is CancellationError {
        return
      } catch is ClusterChanged {
        return
      } catch {
        // The watches say so too when it lasts, as warnings.
        log.debug("\(client.server): whose it is could not be asked: \(error)")
      }
    }
  }

  /// A credential that the server refuses at the very first contact, and that nothing will
  /// renew, can never work.
  func judge(_ error: any Error) {
    if let error = error as? KubernetesError, error.status == 401, !client.credentialCanChange,
      !hasBeenComplete
    {
      Process.fail(
        "kube-watcher", StartupError("\(client.server) refuses the credential: \(error)"))
    }
  }

  // MARK: Telling

  /// The publisher tells it from the end: the cluster first, then what pods are placed by.
  private func snapshot() -> [Published] {
    pods.values.compactMap { WatcherMessage.pod($0, owner: nil).published }
      + claims.all.map { WatcherMessage.claim($0).published }
      + nodes.values.map { WatcherMessage.node($0, owner: nil).published }
      + uses.all.map { WatcherMessage.nodeUse($0).published }
      + [cluster.published]
  }

  private var cluster: WatcherMessage {
    .cluster(
      Cluster(
        id: identity.id ?? "", schedulerNames: options.schedulerNames,
        claims: claims.knowledge == .complete, nodeUse: true))
  }

  private func tell(_ message: WatcherMessage) {
    switch message {
    case .podGone, .nodeGone, .claimGone:
      publisher.announce(key: message.key, uid: message.uid, message)
    default:
      publisher.publish(message.published)
    }
  }

  private func completed(_ part: Part) {
    // A list that ends just as its task is cancelled is nobody's any more.
    guard !Task.isCancelled else { return }
    missing.remove(part)
    if missing.isEmpty {
      hasBeenComplete = true
      publisher.setSynced(true)
    }
  }

  private func claimsChanged() {
    for claim in claims.all { tell(.claim(claim)) }
    tell(cluster)
    completed(.claims)
  }

  // MARK: Pods

  private func replace(_ listing: Listing<Pod>, of schedulerName: String) {
    let present = Set(listing.objects.compactMap(\.metadata.uid))
      .union(listing.unreadable.compactMap(\.uid))
    for (uid, pod) in pods where pod.spec.schedulerName == schedulerName && !present.contains(uid) {
      // Not there, but nobody has said that it was deleted.
      remove(pod, wasDeleted: false)
    }
    for pod in listing.objects { update(pod) }
    log.debug("\(listing.objects.count) pods of scheduler \(schedulerName) listed")
    completed(.pods(of: schedulerName))
  }

  private func change(_ change: Reflector<Pod>.Change) {
    switch change {
    case .present(let pod): update(pod)
    case .gone(let pod): remove(pod, wasDeleted: true)
    }
  }

  private func update(_ pod: Pod) {
    guard let uid = pod.metadata.uid else { return }
    let before = pods.updateValue(pod, forKey: uid)
    guard before != pod else { return }
    let waits = { (pod: Pod) in
      pod.nodeName == nil && !pod.isGated && !pod.isFinished && !pod.isTerminating
    }
    if waits(pod), before.map(waits) != true {
      log.info(
        "pod \(pod.fullName) waits for a node", metadata: .about(pod: pod.fullName, uid: uid))
    }
    tell(.pod(pod, owner: nil))
  }

  private func remove(_ pod: Pod, wasDeleted: Bool) {
    guard let reference = PodReference(pod), pods.removeValue(forKey: reference.uid) != nil else {
      return
    }
    tell(.podGone(reference, wasDeleted: wasDeleted))
  }

  // MARK: Nodes

  private func replace(_ listing: Listing<Node>) {
    let present = Set(listing.objects.map(\.metadata.name))
      .union(listing.unreadable.map(\.name))
    for name in nodes.keys where !present.contains(name) { removeNode(name) }
    for node in listing.objects { update(node) }
    completed(.nodes)
  }

  private func change(_ change: Reflector<Node>.Change) {
    switch change {
    case .present(let node): update(node)
    case .gone(let node): removeNode(node.metadata.name)
    }
  }

  private func update(_ node: Node) {
    // Heartbeats change a node's status all the time; only what we carry counts.
    var node = node
    node.metadata.resourceVersion = nil
    node.metadata.annotations = nil
    guard nodes.updateValue(node, forKey: node.metadata.name) != node else { return }
    tell(.node(node, owner: nil))
  }

  private func removeNode(_ name: String) {
    guard nodes.removeValue(forKey: name) != nil else { return }
    tell(.nodeGone(name: name))
  }
}
