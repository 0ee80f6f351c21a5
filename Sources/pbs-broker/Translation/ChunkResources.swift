import Kubernetes

/// What a pod's requests are in PBS.
struct ChunkResources {
  private(set) var ncpus = 0
  /// Octets.
  private(set) var memory = 0
  /// Further resources by their PBS names.
  private(set) var others: [String: Int] = [:]
  private(set) var causes: [String] = []
  /// Causes that a namespace may have ignored.
  private(set) var unsupported: [String] = []

  init(_ request: [String: Quantity], _ namespace: NamespacePolicy, _ policy: TranslationPolicy) {
    var request = request
    for (name, quantity) in request {
      guard let limit = namespace.limits[name], quantity > limit.quantity else { continue }
      causes.append("asks for more \(name) than it may: \(limit.words)")
    }
    memory = max(request.removeValue(forKey: "memory") ?? .zero, policy.leastMemory).roundedUp
    let cpu = max(request.removeValue(forKey: "cpu") ?? .zero, policy.leastCPU)
    if let counterpart = policy.resources["cpu"] {
      // Without ncpus PBS would add its default, a whole one.
      add(cpu, counterpart)
    } else {
      ncpus = cpu.roundedUp
    }
    for (name, quantity) in request where quantity > .zero {
      if let counterpart = policy.resources[name] {
        add(quantity, counterpart)
      } else {
        unsupported.append("the resource \(name) has no counterpart in PBS (pbs-broker.resources)")
      }
    }
  }

  /// Of resources with one counterpart the sum counts.
  private mutating func add(_ quantity: Quantity, _ counterpart: TranslationPolicy.Counterpart) {
    guard case .resource(let name, let unit) = counterpart else { return }
    let (sum, overflow) = others[name, default: 0].addingReportingOverflow(quantity.count(of: unit))
    others[name] = overflow ? .max : sum
  }
}

extension Quantity {
  /// How many units it takes, rounded up.
  fileprivate func count(of unit: Quantity) -> Int {
    let whole = nano / max(unit.nano, 1)
    return Int(clamping: whole * unit.nano < nano ? whole + 1 : whole)
  }
}
