/// What a pod tolerates of nodes (core/v1 Toleration).
public struct Toleration: Codable, Sendable, Hashable {
  /// nil with "Exists": any key.
  public var key: String?
  /// "Exists" or "Equal"; nil is "Equal".
  public var `operator`: String?
  public var value: String?
  /// nil: any effect.
  public var effect: String?

  public init(
    key: String? = nil, operator: String? = nil, value: String? = nil, effect: String? = nil
  ) {
    self.key = key
    self.operator = `operator`
    self.value = value
    self.effect = effect
  }

  /// Whether it tolerates a taint; one with an unknown operator tolerates none. How long it does so
  /// (tolerationSeconds) does not matter to a scheduler.
  /// (core/v1, Toleration.ToleratesTaint.)
  public func tolerates(_ taint: Taint) -> Bool {
    if let effect, !effect.isEmpty, effect != taint.effect { return false }
    guard mentions(taint.key) else { return false }
    switch self.operator ?? "" {
    case "Exists": return true
    case "", "Equal": return (value ?? "") == (taint.value ?? "")
    default: return false
    }
  }

  /// Whether it says anything of taints of this key.
  public func mentions(_ key: String) -> Bool {
    guard let own = self.key, !own.isEmpty else { return self.operator == "Exists" }
    return own == key
  }
}

extension Pod {
  /// What it tolerates, in one text for pods that tolerate the same.
  public var tolerationWords: String {
    (spec.tolerations ?? []).map {
      "\($0.key ?? "") \($0.operator ?? "") \($0.value ?? "") \($0.effect ?? "")"
    }.sorted().joined(separator: ",")
  }

  /// The first of these taints that keeps the pod off a node.
  public func untolerated(_ taints: [Taint]) -> Taint? {
    taints.first { taint in
      [Taint.noSchedule, Taint.noExecute].contains(taint.effect)
        && !(spec.tolerations ?? []).contains { $0.tolerates(taint) }
    }
  }
}
