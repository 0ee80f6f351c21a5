/// A Kubernetes node as the connector needs it (core/v1 Node).
public struct Node: Codable, Sendable, Equatable {
  public var metadata: ObjectMeta
  public var spec: NodeSpec?
  public var status: NodeStatus?

  public init(metadata: ObjectMeta, ready: Bool) {
    self.metadata = metadata
    status = NodeStatus(conditions: [PodCondition(type: "Ready", status: ready ? "True" : "False")])
  }

  /// The taints that keep pods off it: its own, and the one that a cordon amounts to, which Kubernetes'
  /// node controller writes a moment later, where there is one.
  public var effectiveTaints: [Taint] {
    let taints = spec?.taints ?? []
    let cordon = Taint.unschedulable
    guard spec?.unschedulable == true,
      !taints.contains(where: { $0.key == cordon.key && $0.effect == cordon.effect })
    else { return taints }
    return taints + [cordon]
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
