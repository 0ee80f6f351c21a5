/// A node's taint (core/v1 Taint).
public struct Taint: Codable, Sendable, Hashable {
  public var key: String
  public var value: String?
  /// "NoSchedule", "PreferNoSchedule" or "NoExecute".
  public var effect: String
  /// RFC 3339.
  public var timeAdded: String?

  public init(key: String, value: String? = nil, effect: String = Taint.noSchedule) {
    self.key = key
    self.value = value
    self.effect = effect
  }

  public static let noSchedule = "NoSchedule"
  public static let noExecute = "NoExecute"

  /// What a cordon amounts to. (Kubernetes: "Taints and Tolerations", taints of node conditions;
  /// kube-scheduler's plugin NodeUnschedulable.)
  public static let unschedulable = Taint(key: "node.kubernetes.io/unschedulable")

  /// The taint of a node whose host PBS calls offline or down.
  public static func offline(_ value: String) -> Taint {
    Taint(key: WellKnown.offlineTaint, value: value)
  }

  /// Whether it is the one that says that PBS gives no jobs to the node's host.
  public var isOffline: Bool { key == WellKnown.offlineTaint && effect == Self.noSchedule }

  /// "key=value:effect", as kubectl writes it.
  public var text: String {
    let value = value.flatMap { $0.isEmpty ? nil : "=\($0)" } ?? ""
    return "\(key)\(value):\(effect)"
  }
}
