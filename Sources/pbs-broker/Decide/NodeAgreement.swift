import Kubernetes

/// What Kubernetes and PBS should agree on about one machine: a host is out of service in PBS while
/// its node is in Kubernetes, and the node has a taint while its host is away in PBS. Pure. What was
/// done is read from the host's comment and the node's taint; nothing else is remembered but moments,
/// by which neither of the two changes to and fro more than once in ``Limits/rest``.
///
/// The two do not answer each other: what we have put out of service ourselves is no reason for the
/// taint, and the taint is none to take a host out of service.
enum NodeAgreement {
  struct Limits: Sendable, Equatable {
    /// Seconds that a node is NotReady until its host is taken out of service.
    var notReady = 300.0
    /// Seconds that a host is down until its node gets the taint.
    var down = 60.0
    /// Keys of taints of effect NoSchedule that take a host out of service.
    var taints: Set<String> = []
    /// Seconds between two returns, of a host to PBS or of a node to Kubernetes.
    var rest = 600.0
  }

  /// A node, by Kubernetes' word.
  struct NodeState: Sendable, Equatable {
    var isCordoned = false
    var isReady = true
    /// Seconds that it has not been Ready, as far as we have seen.
    var notReadyFor = 0.0
    var taints: [Taint] = []

    init(_ node: Node, notReadyFor: Double = 0) {
      isCordoned = node.spec?.unschedulable == true
      isReady = node.isReady
      self.notReadyFor = notReadyFor
      taints = node.spec?.taints ?? []
    }
  }

  /// A host, by PBS's word: all of its vnodes together.
  struct HostState: Sendable, Equatable {
    var isDown = false
    /// Seconds that it has been down, as far as we have seen.
    var downFor = 0.0
    var isOffline = false
    /// PBS or its MoM has taken it out of service.
    var isBarred = false
    var comment = ""
    /// Its vnodes differ in what we would change: then nothing is.
    var isMixed = false

    init(_ vnodes: [PBSVnode], downFor: Double = 0) {
      self.downFor = downFor
      isDown = !vnodes.isEmpty && vnodes.allSatisfy(\.isDown)
      isOffline = !vnodes.isEmpty && vnodes.allSatisfy(\.isOffline)
      isBarred = !vnodes.isEmpty && vnodes.allSatisfy(\.isBarred)
      comment = vnodes.first?.comment ?? ""
      isMixed = vnodes.contains {
        $0.isOffline != vnodes[0].isOffline || ($0.comment ?? "") != comment
      }
    }
  }

  /// Moments, in monotonic seconds; nil for what was not seen.
  struct Memory: Sendable, Equatable {
    /// When we gave the host back last.
    var hostReturned: Double?
    /// When the node lost our taint last.
    var nodeReturned: Double?
  }

  /// What is to be done about the host.
  enum HostStep: Sendable, Equatable {
    case nothing
    /// Out of service, with this comment.
    case takeAway(HostComment)
    /// In service again, with this comment, empty for none.
    case giveBack(comment: String)
    /// The node is fine again, but the host waits for its ``Limits/rest``.
    case rests
  }

  /// - Parameter isDoubted: so many nodes are NotReady that it is no word about this one.
  static func step(
    node: NodeState, host: HostState, cluster: String, memory: Memory = Memory(),
    limits: Limits, isDoubted: Bool = false, now: Double
  ) -> HostStep {
    guard !host.isMixed else { return .nothing }
    let reason = reason(node, limits, isDoubted: isDoubted)
    if let ours = HostComment(host.comment, cluster: cluster) {
      // Where it is in service by now, somebody has overruled us, for as long as the reason lasts.
      guard reason == nil, isWell(node, limits) else { return .nothing }
      guard host.isOffline else { return .giveBack(comment: ours.before) }
      if let returned = memory.hostReturned, now - returned < limits.rest { return .rests }
      return .giveBack(comment: ours.before)
    }
    // What another has taken out of service is his.
    guard !host.isOffline, let reason else { return .nothing }
    return .takeAway(HostComment(cluster: cluster, reason: reason, before: host.comment))
  }

  /// Why the node's host has to be out of service; nil where it has not.
  static func reason(_ node: NodeState, _ limits: Limits, isDoubted: Bool = false) -> String? {
    if node.isCordoned { return "cordoned" }
    if let taint = taint(node, limits) { return "taint \(taint.key)" }
    if isNotReady(node, limits), !isDoubted { return "NotReady" }
    return nil
  }

  /// Whether the node has been NotReady for so long that it counts.
  static func isNotReady(_ node: NodeState, _ limits: Limits) -> Bool {
    !node.isReady && node.notReadyFor >= limits.notReady
  }

  /// Whether nothing is wrong with the node, not even since a moment ago.
  private static func isWell(_ node: NodeState, _ limits: Limits) -> Bool {
    node.isReady && !node.isCordoned && taint(node, limits) == nil
  }

  private static func taint(_ node: NodeState, _ limits: Limits) -> Taint? {
    node.taints.filter {
      limits.taints.contains($0.key) && $0.effect == Taint.noSchedule && !$0.isOffline
    }.min { $0.key < $1.key }
  }

  /// The value of the node's taint; nil where it is to have none.
  /// - Parameter isDoubted: so many hosts are down that it is no word about this one.
  static func taint(
    node: NodeState, host: HostState, cluster: String, memory: Memory = Memory(),
    limits: Limits, isDoubted: Bool = false, now: Double
  ) -> String? {
    let present = node.taints.first(where: \.isOffline).map { $0.value ?? "" }
    let isOurs = host.isOffline && HostComment(host.comment, cluster: cluster) != nil
    let isAway = host.isDown || host.isBarred || host.isOffline && !isOurs
    if let present {
      if isAway { return present }
      // PBS has it back; the node follows, unless it did so a moment ago.
      guard let returned = memory.nodeReturned, now - returned < limits.rest else { return nil }
      return present
    }
    if host.isOffline && !isOurs || host.isBarred { return "offline" }
    return isDown(host, limits) && !isDoubted ? "down" : nil
  }

  /// Whether PBS has called the host down for so long that it counts.
  static func isDown(_ host: HostState, _ limits: Limits) -> Bool {
    host.isDown && host.downFor >= limits.down
  }
}
