import FoundationEssentials
import Messages
import Wire

extension WatcherMessage {
  /// What the message is about; the same for an object and for its end.
  var key: String {
    switch self {
    case .pod(let pod, _): "pod \(pod.metadata.uid ?? "")"
    case .podGone(let pod, _): "pod \(pod.uid)"
    case .node(let node, _): "node \(node.metadata.name)"
    case .nodeGone(let name): "node \(name)"
    case .cluster: "cluster"
    case .claim(let claim): "claim \(claim.fullName)"
    case .claimGone(let namespace, let name): "claim \(namespace)/\(name)"
    case .nodeUse(let use): "use of node \(use.node)"
    case .unknown(let type): type
    }
  }

  /// The pod or node by which brokers share the work; nil where nobody acts on it.
  var uid: String? {
    switch self {
    case .pod(let pod, _): pod.metadata.uid
    case .podGone(let pod, _): pod.uid
    case .node(let node, _): node.metadata.uid
    default: nil
    }
  }

  var published: Published {
    Published(key: key, uid: uid) { try JSONEncoder().encode(self) }
  }
}
