import Kubernetes

/// What kube-watcher tells its subscribers.
public enum WatcherMessage: Sendable, Equatable {
  /// A pod of ours as it is now. `owner` is the broker that is to act on it.
  case pod(Pod, owner: String?)
  /// The pod object no longer exists. `wasDeleted` is whether Kubernetes said that it was deleted;
  /// false when it was only missing from a list.
  case podGone(PodReference, wasDeleted: Bool)
  /// A node as it is now. `owner` is the broker that is to act on it.
  case node(Node, owner: String?)
  /// The node object no longer exists.
  case nodeGone(name: String)
  /// Which cluster this is; the first message of each snapshot.
  case cluster(Cluster)
  /// A volume claim as it is now.
  case claim(VolumeClaim)
  /// The volume claim no longer exists.
  case claimGone(namespace: String, name: String)
  /// What pods that are not ours hold of a node now.
  case nodeUse(NodeUse)
  /// Something that this version does not know.
  case unknown(type: String)
}

extension WatcherMessage: Codable {
  private enum Key: String, CodingKey {
    case type, owner, pod, node, name, deleted, cluster, claim, namespace
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let type = try container.decode(String.self, forKey: .type)
    switch Kind(rawValue: type) {
    case .pod:
      self = .pod(
        try container.decode(Pod.self, forKey: .pod),
        owner: try container.decodeIfPresent(String.self, forKey: .owner))
    case .podGone:
      self = .podGone(
        try container.decode(PodReference.self, forKey: .pod),
        wasDeleted: try container.decodeIfPresent(Bool.self, forKey: .deleted) ?? false)
    case .node:
      self = .node(
        try container.decode(Node.self, forKey: .node),
        owner: try container.decodeIfPresent(String.self, forKey: .owner))
    case .nodeGone: self = .nodeGone(name: try container.decode(String.self, forKey: .name))
    case .cluster: self = .cluster(try container.decode(Cluster.self, forKey: .cluster))
    case .claim: self = .claim(try container.decode(VolumeClaim.self, forKey: .claim))
    case .claimGone:
      self = .claimGone(
        namespace: try container.decode(String.self, forKey: .namespace),
        name: try container.decode(String.self, forKey: .name))
    case .nodeUse: self = .nodeUse(try NodeUse(from: decoder))
    case nil: self = .unknown(type: type)
    }
  }

  /// The owner is not written: the publisher puts it in front, for each object anew.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .pod(let pod, _):
      try container.encode(Kind.pod.rawValue, forKey: .type)
      try container.encode(pod, forKey: .pod)
    case .podGone(let reference, let wasDeleted):
      try container.encode(Kind.podGone.rawValue, forKey: .type)
      try container.encode(reference, forKey: .pod)
      try container.encode(wasDeleted, forKey: .deleted)
    case .node(let node, _):
      try container.encode(Kind.node.rawValue, forKey: .type)
      try container.encode(node, forKey: .node)
    case .nodeGone(let name):
      try container.encode(Kind.nodeGone.rawValue, forKey: .type)
      try container.encode(name, forKey: .name)
    case .cluster(let cluster):
      try container.encode(Kind.cluster.rawValue, forKey: .type)
      try container.encode(cluster, forKey: .cluster)
    case .claim(let claim):
      try container.encode(Kind.claim.rawValue, forKey: .type)
      try container.encode(claim, forKey: .claim)
    case .claimGone(let namespace, let name):
      try container.encode(Kind.claimGone.rawValue, forKey: .type)
      try container.encode(namespace, forKey: .namespace)
      try container.encode(name, forKey: .name)
    case .nodeUse(let use):
      try container.encode(Kind.nodeUse.rawValue, forKey: .type)
      try use.encode(to: encoder)
    case .unknown(let type):
      try container.encode(type, forKey: .type)
    }
  }
}
