import Kubernetes
import Messages
import Text

/// What the two sockets tell of a site, counted for one screen. Pure: made of messages alone.
struct SiteStatus: Equatable {
  /// The state of a pod, as it is counted.
  enum PodState: String, CaseIterable {
    case gated, waiting, bound, running, terminating, finished
  }

  /// How many causes of waiting are named.
  static let mostCauses = 10
  /// How many nodes are named that take no pods.
  static let mostNodes = 20

  private(set) var cluster: Cluster?
  private(set) var pods: [PodState: Int] = [:]
  /// Pods by the broker that is to act on them; those of nobody under the empty name.
  private(set) var brokers: [String: Int] = [:]
  /// Why pods wait, by what is said on them, numbers and names of jobs left out.
  private(set) var causes: [String: Int] = [:]
  private(set) var nodes = 0
  /// Nodes that take no pods: cordoned, or not ready.
  private(set) var closedNodes: [String] = []
  /// What the broker wants of its binders and has no answer to: by kind.
  private(set) var wanted: [String: Int] = [:]
  /// The same by binder.
  private(set) var binders: [String: Int] = [:]
  /// UIDs of pods that have a node.
  private(set) var bound: Set<String> = []

  /// Enters what kube-watcher tells.
  mutating func enter(_ message: WatcherMessage) {
    switch message {
    case .cluster(let cluster): self.cluster = cluster
    case .pod(let pod, let owner):
      let state = Self.state(of: pod)
      pods[state, default: 0] += 1
      if state != .finished { brokers[owner ?? "", default: 0] += 1 }
      if pod.nodeName != nil, let uid = pod.metadata.uid { bound.insert(uid) }
      if state == .waiting { causes[Self.cause(of: pod), default: 0] += 1 }
    case .node(let node, _):
      nodes += 1
      if node.spec?.unschedulable == true || !node.isReady {
        closedNodes.append(node.metadata.name)
      }
    default: break
    }
  }

  /// Enters what the broker wants of `owner`.
  mutating func enter(_ message: BrokerMessage, owner: String?) {
    guard let kind = message.kind, [.bind, .report, .evict].contains(kind) else { return }
    wanted[kind.rawValue, default: 0] += 1
    binders[owner ?? "", default: 0] += 1
  }

  static func state(of pod: Pod) -> PodState {
    if pod.isFinished { return .finished }
    if pod.isTerminating { return .terminating }
    if pod.nodeName != nil { return pod.status?.phase == "Running" ? .running : .bound }
    return pod.isGated ? .gated : .waiting
  }

  /// What a pod that waits is told, without what is its own in it, so that pods that wait for the
  /// same are one line.
  static func cause(of pod: Pod) -> String {
    let condition = pod.status?.conditions?.first { $0.type == "PodScheduled" }
    guard let message = condition?.message, !message.isEmpty else { return "nothing is said yet" }
    let words = message.split(separator: " ").map { word in
      let isNumber = word.first?.isNumber == true && !word.contains(where: \.isLetter)
      return isNumber ? "N" + word.drop { $0.isNumber || $0 == "." || $0 == ":" } : String(word)
    }
    let isAboutJob = words.count > 2 && words[0] == "job" && words[1].hasSuffix(":")
    return (isAboutJob ? words.dropFirst(2) : words[...]).joined(separator: " ")
  }
}
