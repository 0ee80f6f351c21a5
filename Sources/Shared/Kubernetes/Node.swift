/// A Kubernetes node as the connector needs it (core/v1 Node).
public struct Node: Codable, Sendable, Equatable {
  public var metadata: ObjectMeta
  public var spec: NodeSpec?
  public var status: NodeStatus?

  public init(metadata: ObjectMeta, ready: Bool) {
    self.metadata = metadata
    status = NodeStatus(conditions: [PodCondition(type: "Ready", status: ready ? "True" : "False")])
  }

  /// Whether its kubelet reports that it is well.
  public var isReady: Bool {
    status?.conditions?.contains { $0.type == "Ready" && $0.status == "True" } ?? false
  }
}

public struct NodeSpec: Codable, Sendable, Equatable {
  public var unschedulable: Bool?
  public var taints: [Taint]?

  public init(unschedulable: Bool? = nil, taints: [Taint]? = nil) {
    self.unschedulable = unschedulable
    self.taints = taints
  }
}

public struct NodeStatus: Codable, Sendable, Equatable {
  public var conditions: [PodCondition]?
  /// What pods may hold of it together, by its kubelet's word.
  public var allocatable: Amounts?
}
