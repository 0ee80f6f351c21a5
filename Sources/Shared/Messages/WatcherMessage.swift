/// What kube-watcher tells its subscribers.
public enum WatcherMessage: Sendable, Equatable {
  /// A pod of ours as it is now. `owner` is the broker that is to act on it.
  case pod(Pod, owner: String?)
  /// The pod object no longer exists.
  case podGone(PodReference)
  /// A node as it is now.
  case node(Node)
  /// The node object no longer exists.
  case nodeGone(name: String)
  /// Something that this version does not know.
  case unknown(type: String)
}

extension WatcherMessage: Codable {
  private enum Key: String, CodingKey { case type, owner, pod, node, name }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "pod":
      self = .pod(
        try container.decode(Pod.self, forKey: .pod),
        owner: try container.decodeIfPresent(String.self, forKey: .owner))
    case "pod-gone": self = .podGone(try container.decode(PodReference.self, forKey: .pod))
    case "node": self = .node(try container.decode(Node.self, forKey: .node))
    case "node-gone": self = .nodeGone(name: try container.decode(String.self, forKey: .name))
    default: self = .unknown(type: type)
    }
  }

  /// The owner is not written: the publisher puts it in front, for each pod anew.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .pod(let pod, _):
      try container.encode("pod", forKey: .type)
      try container.encode(pod, forKey: .pod)
    case .podGone(let reference):
      try container.encode("pod-gone", forKey: .type)
      try container.encode(reference, forKey: .pod)
    case .node(let node):
      try container.encode("node", forKey: .type)
      try container.encode(node, forKey: .node)
    case .nodeGone(let name):
      try container.encode("node-gone", forKey: .type)
      try container.encode(name, forKey: .name)
    case .unknown(let type):
      try container.encode(type, forKey: .type)
    }
  }
}
