import Runtime

/// What a process needs in order to work, each by a name: asked for when somebody wants to know.
@EventLoop
public final class Readiness {
  /// When a condition matters.
  public enum Need: Sendable {
    /// The process has not started before it is met.
    case start
    /// The process works only while it is met.
    case work
  }

  struct Condition {
    var name: String
    var need: Need
    var missing: @EventLoop () -> String?
  }

  private(set) var conditions: [Condition] = []
  /// Whether all has been registered: before that nothing is ready.
  private(set) var isComplete = false

  nonisolated init() {}

  /// Adds a condition.
  /// - Parameter missing: what is missing, in a few words; nil while the condition is met.
  public func require(
    _ name: String, for need: Need = .work, _ missing: @escaping @EventLoop () -> String?
  ) {
    conditions.append(Condition(name: name, need: need, missing: missing))
  }

  /// All conditions are known now.
  public func complete() {
    isComplete = true
  }

  /// Each condition with what is missing; nil for one that is met.
  func look() -> [(name: String, need: Need, missing: String?)] {
    guard isComplete else { return [("started", .start, "it is starting")] }
    return conditions.map { ($0.name, $0.need, $0.missing()) }
  }
}
