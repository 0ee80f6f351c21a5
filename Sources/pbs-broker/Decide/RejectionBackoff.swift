import Kubernetes
import Runtime

/// Slows down who makes pods that kubelets reject (OutOfcpu and the like), or whose jobs PBS ends as
/// soon as they are bound: a controller makes the next one at once, and PBS, which sees room, starts a
/// job for each. The same for jobs that PBS refuses: of many that ask for the same, few try. Kept by owner, which has
/// other pods' submissions wait, and by node, which has bindings wait. Moments are monotonic
/// seconds.
struct RejectionBackoff: Sendable {
  /// Who waits. An owner's UID is text of who wrote the pod, and counts in his namespace only.
  enum Key: Hashable, Sendable {
    case owner(namespace: String, uid: String)
    case node(String)
    /// Jobs that ask PBS for the same, of one namespace.
    case request(namespace: String, text: String)
    /// Pods of one namespace that ask PBS for the same and tolerate the same: PBS has put the job of
    /// one where a taint keeps it off.
    case placement(namespace: String, text: String)

    /// Whose room in the table it takes; nil for nodes.
    var namespace: String? {
      switch self {
      case .owner(let namespace, _), .request(let namespace, _), .placement(let namespace, _):
        namespace
      case .node: nil
      }
    }

    /// Seconds. What PBS refuses costs less than what a kubelet rejects.
    fileprivate var firstWait: Double {
      if case .request = self { 1 } else { 10 }
    }

    /// Seconds. A node's wait holds up pods that have nothing to do with what was rejected; an owner's
    /// only that one's own, each of which costs a pod, a job and an Event.
    fileprivate var longestWait: Double {
      switch self {
      case .owner, .placement: 900
      case .node, .request: 300
      }
    }

    /// The controller of a pod, if it has one.
    static func owner(of pod: Pod) -> Key? {
      pod.controllerUID.map { .owner(namespace: pod.metadata.namespace ?? "default", uid: $0) }
    }

    /// The same, or the pod itself where nobody makes another in its place.
    static func ownerOrSelf(of pod: Pod) -> Key {
      owner(of: pod)
        ?? .owner(namespace: pod.metadata.namespace ?? "default", uid: pod.metadata.uid ?? "")
    }

    /// What a pod's job asks for.
    static func request(of pod: Pod, _ job: JobDescription) -> Key {
      .request(
        namespace: pod.metadata.namespace ?? "default",
        text: job.request)
    }

    /// The same with what the pod tolerates.
    static func placement(of pod: Pod, _ job: JobDescription) -> Key {
      .placement(
        namespace: pod.metadata.namespace ?? "default",
        text: "\(job.request) \(pod.tolerationWords)")
    }
  }

  /// Seconds without a rejection after which a wait starts over.
  static let calm = 600.0
  /// Seconds after its binding within which the end of a pod's job counts.
  static let earlyEnd = 60.0

  var entries = RejectionTable()
  /// Where each pod is on trial, by its UID.
  var trials: [String: Set<Key>] = [:]
  private var jitter: Jitter
  /// Whether some pods wait for their place: spares all others the question.
  private(set) var hasPlacements = false

  init(jitter: Jitter) {
    self.jitter = jitter
  }

  /// Nobody waits.
  var isEmpty: Bool { entries.count == 0 }

  /// Takes in what has become of a pod on a node.
  /// - Parameter boundSince: when it was first seen there; nil for now.
  /// - Returns: a line for the log when kubelet has rejected it.
  mutating func note(_ pod: Pod, before: Pod, boundSince: Double? = nil, now: Double) -> String? {
    guard let node = pod.nodeName else { return nil }
    let owner = Key.owner(of: pod)
    let uid = pod.metadata.uid
    guard let rejection = pod.rejection, before.rejection == nil else {
      if pod.isTakenByKubelet, !before.isTakenByKubelet {
        let asked = Amounts(of: PodNeeds(pod.spec))
        accepted(.node(node), asked: asked, pod: uid, boundSince: boundSince)
        if let owner { accepted(owner, pod: uid, boundSince: boundSince) }
      }
      return nil
    }
    defer { if let uid { endTrials(of: uid) } }
    // What is wrong with one pod is no trouble of the node's other pods.
    if let owner {
      rejected(
        owner, reason: "kubelets reject the pods of its owner (\(rejection.reason))", now: now)
    }
    var others = ""
    if rejection.isOfNode {
      let size = rejection.lacked.map { [$0: Amounts(of: PodNeeds(pod.spec))[$0]] } ?? [:]
      let isSized = size.values.contains { $0 > 0 }
      others = isSized ? " and that node's next pods as large" : " and that node's next pods"
      rejected(
        .node(node),
        reason:
          "the kubelet of \(node) rejects pods\(isSized ? " as large" : "") (\(rejection.reason))",
        now: now, sizes: isSized ? size : nil)
    }
    return
      "pod \(pod.fullName) was rejected by the kubelet of \(node) (\(rejection.reason)): its owner's next pods\(others) wait"
  }

  /// PBS has ended the job of a bound pod.
  /// - Returns: a line for the log where its owner begins to wait for that.
  mutating func jobEnded(of pod: Pod, boundSince: Double, now: Double) -> String? {
    guard let owner = Key.owner(of: pod) else { return nil }
    guard now - boundSince < Self.earlyEnd else {
      finished(pod)
      return nil
    }
    let isNew = wait(owner, now: now) == nil
    rejected(
      owner,
      reason:
        "jobs of its owner's pods end soon after they are bound (that of pod \(pod.fullName))",
      now: now, isEarlyEnd: true)
    guard isNew else { return nil }
    return
      "the job of pod \(pod.fullName) ended soon after the binding: its owner's next pods wait"
  }

  /// A pod has ended by itself, or long after its binding: its owner's jobs do not end early.
  mutating func finished(_ pod: Pod) {
    if let owner = Key.owner(of: pod), entries[owner]?.isEarlyEnd == true { entries[owner] = nil }
  }

  /// A pod of this owner, or on this node, was rejected.
  /// - Parameters:
  ///   - reason: words for the pods that wait.
  ///   - isEarlyEnd: whether it was the end of a job, and not kubelet's word.
  ///   - sizes: how much it asked for of what the node lacked; nil where that does not matter.
  ///   - node: the one that PBS chose, of a ``Key/placement(namespace:text:)``.
  mutating func rejected(
    _ key: Key, reason: String, now: Double, isEarlyEnd: Bool = false, sizes: [String: Int]? = nil,
    on node: String? = nil
  ) {
    entries.makeRoom(for: key, now: now)
    var entry =
      entries[key]
      ?? RejectionTable.Entry(
        backoff: Backoff(first: key.firstWait, longest: key.longestWait, jitter: jitter.split()))
    if entry.isCalm(now) { entry.backoff.reset() }
    if entry.isCalm(now) || entry.isOver {
      entry.sizes = [:]
      entry.concernsAll = false
      entry.isOver = false
    }
    entry.passed = 0
    // Pods that were under way together are one rejection.
    if now >= entry.until { entry.until = now + entry.backoff.delay() }
    entry.at = now
    entry.reason = reason
    entry.isEarlyEnd = isEarlyEnd
    if let node { entry.nodes.insert(node) }
    if let sizes {
      entry.sizes.merge(sizes, uniquingKeysWith: min)
    } else {
      entry.concernsAll = true
    }
    entries[key] = entry
    if case .placement = key { hasPlacements = true }
  }

  /// A pod of this owner, or on this node, was taken: the wait ends. The next one is longer all the
  /// same, until there has been a calm: where some fit and others do not, each that runs would let one
  /// more be rejected.
  /// - Parameters:
  ///   - asked: what it asks for; of a node, only one as large as those that were rejected shows that
  ///     they would run.
  ///   - uid: the pod, which may have been on trial.
  ///   - boundSince: when it was bound; nil for after the last rejection. One that was bound before says
  ///     nothing: it may be what fills the node.
  mutating func accepted(
    _ key: Key, asked: Amounts? = nil, pod uid: String? = nil, boundSince: Double? = nil
  ) {
    guard var entry = entries[key], !entry.isEarlyEnd else { return }
    if case .request = key {
      entries[key] = nil
      return
    }
    defer { entries[key] = entry }
    let wasTrial = uid.map { entry.trials.removeValue(forKey: $0) != nil } ?? false
    if let uid { forgetTrial(of: uid, key) }
    guard boundSince ?? .infinity >= entry.at else { return }
    if wasTrial { entry.passed += 1 }
    if let asked, !entry.sizes.isEmpty {
      let rest = entry.sizes.filter { asked[$0.key] < $0.value }
      guard rest.isEmpty else {
        entry.sizes = rest
        entry.concernsAll = false
        return
      }
    }
    entry.until = -.infinity
    entry.isOver = true
  }

  /// How much is remembered.
  var count: Int { entries.count }

  /// Forgets what need not be remembered any more.
  mutating func forgetCalm(_ now: Double) {
    entries.removeAll { $1.isCalm(now) }
    hasPlacements = entries.hasPlacements
  }

  /// A node's taints have changed, or it is gone: whoever was kept off it may try again.
  mutating func taintsChanged(of node: String) {
    entries.removeAll { key, entry in
      guard case .placement = key else { return false }
      return entry.nodes.contains(node)
    }
    hasPlacements = entries.hasPlacements
  }

  /// The configuration has changed: what was said of requests and of places may not hold any more. What
  /// kubelets say of their nodes does.
  mutating func configurationChanged() {
    entries.removeAll { key, _ in
      switch key {
      case .request, .placement: true
      case .owner, .node: false
      }
    }
    hasPlacements = false
  }

  /// Until when to wait, and why; nil when there is nothing to wait for. After the wait itself, until it
  /// is known what becomes of those that try first.
  /// - Parameters:
  ///   - asked: what the pod that is to wait asks for; nil for one of which that is not known.
  ///   - uid: that pod, which may be on trial itself.
  func wait(_ key: Key, now: Double, asked: Amounts? = nil, pod uid: String? = nil)
    -> (until: Double, reason: String)?
  {
    guard let entry = entries[key], entry.concerns(asked) else { return nil }
    // The words stay: that somebody tries is no news for those that wait.
    if now < entry.until { return (entry.until, entry.reason) }
    return entry.trialsEnd(besides: uid, now: now).map { ($0, entry.reason) }
  }
}
