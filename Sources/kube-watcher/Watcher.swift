import FoundationEssentials
import Logging
import Shared

/// Holds what the API server says of our pods and of all nodes, and publishes it.
@EventLoop
final class Watcher {
  private let client: KubernetesClient
  private let publisher: Publisher
  private let schedulerNames: [String]
  private let silence: Double
  private let log: Logger
  private var pods: [String: Pod] = [:]
  private var nodes: [String: Node] = [:]
  /// Listings that are still to come before what we hold is complete.
  private var missing: Set<String> = []
  private var hasBeenComplete = false

  init(
    client: KubernetesClient, publisher: Publisher, schedulerNames: [String], silence: Double,
    log: Logger
  ) {
    self.client = client
    self.publisher = publisher
    self.schedulerNames = schedulerNames
    self.silence = silence
    self.log = log
    publisher.objects = { [unowned self] in
      nodes.values.map(published) + pods.values.compactMap(published)
    }
  }

  /// Lists and watches until the task is cancelled.
  func run() async {
    // A selector is a conjunction, so each scheduler name has a watch of its own.
    missing = Set(schedulerNames).union(["nodes"])
    await withTaskGroup(of: Void.self) { group in
      for name in schedulerNames {
        let reflector = Reflector<Pod>(
          client: client, path: "/api/v1/pods", selector: "spec.schedulerName=\(name)",
          silence: silence, log: log)
        reflector.onList = { [unowned self] in replace($0, of: name) }
        reflector.onChange = { [unowned self] in change($0) }
        reflector.onFailure = { [unowned self] in judge($0) }
        group.addTask { await reflector.run() }
      }
      let reflector = Reflector<Node>(
        client: client, path: "/api/v1/nodes", selector: nil, silence: silence, log: log)
      reflector.onList = { [unowned self] in replace($0) }
      reflector.onChange = { [unowned self] in change($0) }
      reflector.onFailure = { [unowned self] in judge($0) }
      group.addTask { await reflector.run() }
    }
    publisher.setSynced(false)
    pods.removeAll()
    nodes.removeAll()
  }

  /// A credential that the server refuses at the very first contact, and that nothing will
  /// renew, can never work.
  private func judge(_ error: any Error) -> Bool {
    if let error = error as? KubernetesError, error.status == 401, !client.credentialCanChange,
      !hasBeenComplete
    {
      Process.fail(
        "kube-watcher", StartupError("\(client.server) refuses the credential: \(error)"))
    }
    return true
  }

  private func completed(_ listing: String) {
    missing.remove(listing)
    if missing.isEmpty {
      hasBeenComplete = true
      publisher.setSynced(true)
    }
  }

  // MARK: Pods

  private func replace(_ listed: [Pod], of schedulerName: String) {
    let present = Set(listed.compactMap(\.metadata.uid))
    for (uid, pod) in pods where pod.spec.schedulerName == schedulerName && !present.contains(uid) {
      remove(pod)
    }
    for pod in listed { update(pod) }
    log.debug("\(listed.count) pods of scheduler \(schedulerName) listed")
    completed(schedulerName)
  }

  private func change(_ change: Reflector<Pod>.Change) {
    switch change {
    case .present(let pod): update(pod)
    case .gone(let pod): remove(pod)
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
      log.info("pod \(pod.fullName) waits for a node")
    }
    if let object = published(pod) { publisher.publish(object) }
  }

  private func remove(_ pod: Pod) {
    guard let reference = PodReference(pod), pods.removeValue(forKey: reference.uid) != nil else {
      return
    }
    publisher.announce(
      key: key(reference.uid), uid: reference.uid,
      WatcherMessage.podGone(reference, wasDeleted: false))
  }

  private nonisolated func key(_ uid: String) -> String { "pod \(uid)" }

  private nonisolated func published(_ pod: Pod) -> Published? {
    guard let uid = pod.metadata.uid else { return nil }
    return Published(key: key(uid), uid: uid) {
      try JSONEncoder().encode(WatcherMessage.pod(pod, owner: nil))
    }
  }

  // MARK: Nodes

  private func replace(_ listed: [Node]) {
    let present = Set(listed.map(\.metadata.name))
    for name in nodes.keys where !present.contains(name) { removeNode(name) }
    for node in listed { update(node) }
    completed("nodes")
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
    publisher.publish(published(node))
  }

  private func removeNode(_ name: String) {
    guard nodes.removeValue(forKey: name) != nil else { return }
    publisher.announce(key: "node \(name)", uid: nil, WatcherMessage.nodeGone(name: name))
  }

  private nonisolated func published(_ node: Node) -> Published {
    Published(key: "node \(node.metadata.name)", uid: nil) {
      try JSONEncoder().encode(WatcherMessage.node(node))
    }
  }
}
