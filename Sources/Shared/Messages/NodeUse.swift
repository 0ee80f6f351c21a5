import Kubernetes

/// What pods that are not ours hold of a node, by whose they are. Pods that have ended hold nothing.
public struct NodeUse: Sendable, Equatable {
  /// The node's name; it may be one that does not exist.
  public var node: String
  public var daemons = Amounts()
  public var native = Amounts()
  public var others = Amounts()
  public var leaving = Amounts()

  public init(node: String) {
    self.node = node
  }

  public subscript(holder: HeldPod.Holder) -> Amounts {
    get {
      switch holder {
      case .daemons: daemons
      case .native: native
      case .others: others
      case .leaving: leaving
      }
    }
    set {
      switch holder {
      case .daemons: daemons = newValue
      case .native: native = newValue
      case .others: others = newValue
      case .leaving: leaving = newValue
      }
    }
  }

  /// Nobody holds anything.
  public var isEmpty: Bool { self == NodeUse(node: node) }
}

extension NodeUse: Codable {
  private enum Key: String, CodingKey { case name, daemons, native, others, leaving }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    node = try container.decode(String.self, forKey: .name)
    daemons = try container.decodeIfPresent(Amounts.self, forKey: .daemons) ?? Amounts()
    native = try container.decodeIfPresent(Amounts.self, forKey: .native) ?? Amounts()
    others = try container.decodeIfPresent(Amounts.self, forKey: .others) ?? Amounts()
    leaving = try container.decodeIfPresent(Amounts.self, forKey: .leaving) ?? Amounts()
  }

  /// Whoever holds nothing is left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(node, forKey: .name)
    if !daemons.isZero { try container.encode(daemons, forKey: .daemons) }
    if !native.isZero { try container.encode(native, forKey: .native) }
    if !others.isZero { try container.encode(others, forKey: .others) }
    if !leaving.isZero { try container.encode(leaving, forKey: .leaving) }
  }
}
