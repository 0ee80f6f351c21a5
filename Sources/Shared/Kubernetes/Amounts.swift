/// What pods hold of a node, or what a node has, in the units that scheduler and kubelet count in.
/// (Kubernetes: pkg/scheduler/framework, Resource.)
public struct Amounts: Sendable, Equatable {
  /// Thousandths of a CPU.
  public var milliCPU = 0
  /// Octets.
  public var memory = 0
  public var pods = 0
  /// All others by their Kubernetes names, in whole units; none that are 0.
  public var others: [String: Int] = [:]

  /// What one value counts at most: sums of absurd requests must not overflow.
  static let most = 1 << 53

  public init(milliCPU: Int = 0, memory: Int = 0, pods: Int = 0, others: [String: Int] = [:]) {
    self.milliCPU = milliCPU
    self.memory = memory
    self.pods = pods
    self.others = others
  }

  /// Of quantities by resource name, rounded up as requests are. What is negative counts as 0.
  public init(_ quantities: [String: Quantity]) {
    for (name, quantity) in quantities where quantity > .zero {
      switch name {
      case "cpu":
        milliCPU = min(Quantity(nano: quantity.nano * 1000).roundedUp, Self.most)
      case "memory": memory = min(quantity.roundedUp, Self.most)
      case "pods": pods = min(quantity.roundedUp, Self.most)
      default: others[name] = min(quantity.roundedUp, Self.most)
      }
    }
  }

  /// Of one pod: its effective request. What cannot be read of it counts as nothing.
  public init(of needs: PodNeeds) {
    self.init(EffectiveRequest.of(needs).request)
    pods = 1
  }

  public var isZero: Bool { self == Amounts() }

  public static func += (a: inout Amounts, b: Amounts) {
    a.milliCPU &+= b.milliCPU
    a.memory &+= b.memory
    a.pods &+= b.pods
    for (name, amount) in b.others { a.add(amount, of: name) }
  }

  public static func -= (a: inout Amounts, b: Amounts) {
    a.milliCPU &-= b.milliCPU
    a.memory &-= b.memory
    a.pods &-= b.pods
    for (name, amount) in b.others { a.add(0 &- amount, of: name) }
  }

  public static func + (a: Amounts, b: Amounts) -> Amounts {
    var sum = a
    sum += b
    return sum
  }

  private mutating func add(_ amount: Int, of name: String) {
    let sum = others[name, default: 0] &+ amount
    others[name] = sum == 0 ? nil : sum
  }

  /// One of them by its Kubernetes name; cpu in thousandths.
  public subscript(name: String) -> Int {
    switch name {
    case "cpu": milliCPU
    case "memory": memory
    case "pods": pods
    default: others[name] ?? 0
    }
  }

  /// The names of those that are not 0: cpu, memory and pods first, then the others, sorted.
  public var names: [String] {
    ["cpu", "memory", "pods"].filter { self[$0] != 0 } + others.keys.sorted()
  }
}

extension Amounts: Codable {
  /// Reads what is written, and a node's allocatable: quantities by resource name.
  public init(from decoder: any Decoder) throws {
    let texts = try decoder.singleValueContainer().decode([String: String].self)
    // A kubelet's device plugin that reports nonsense must not hide the node.
    self.init(texts.compactMapValues { try? Quantity($0) })
  }

  /// As quantities by resource name, none that are 0: `{"cpu":"1500m","memory":"67108864"}`.
  public func encode(to encoder: any Encoder) throws {
    var texts = others.mapValues { "\($0)" }
    if milliCPU != 0 { texts["cpu"] = "\(milliCPU)m" }
    if memory != 0 { texts["memory"] = "\(memory)" }
    if pods != 0 { texts["pods"] = "\(pods)" }
    var container = encoder.singleValueContainer()
    try container.encode(texts)
  }
}
