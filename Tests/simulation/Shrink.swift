@testable import Runtime

/// Looks for a shorter history that is wrong in the same way, by leaving out faults and arrivals.
@EventLoop
struct Shrink {
  /// Runs at most.
  let budget: Int
  let fails: (Plan) -> Bool
  private var runs = 0

  init(budget: Int, fails: @escaping (Plan) -> Bool) {
    self.budget = budget
    self.fails = fails
  }

  /// The shortest plan that was found. (Zeller and Hildebrandt, "Simplifying and Isolating
  /// Failure-Inducing Input".)
  mutating func shortest(of plan: Plan) -> Plan {
    var best = plan
    leaveOut(&best, \.faults)
    leaveOut(&best, \.arrivals)
    return best
  }

  private mutating func leaveOut<Item>(_ best: inout Plan, _ items: WritableKeyPath<Plan, [Item]>) {
    var size = max(best[keyPath: items].count / 2, 1)
    while true {
      var start = 0
      while start < best[keyPath: items].count {
        guard runs < budget else { return }
        var shorter = best
        let end = min(start + size, shorter[keyPath: items].count)
        shorter[keyPath: items].removeSubrange(start..<end)
        runs += 1
        if fails(shorter) { best = shorter } else { start = end }
      }
      guard size > 1 else { return }
      size /= 2
    }
  }
}
