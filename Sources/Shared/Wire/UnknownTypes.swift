/// Types of messages that this version does not know, each of which is worth one line in the
/// log. A peer may make up as many as it likes, and as long ones: what is kept has a bound.
public struct UnknownTypes: Sendable {
  private static let most = 100
  private static let longest = 64
  private var known: Set<String> = []

  public init() {}

  /// The type as it is to be logged; nil when it has been, or when too many have.
  public mutating func new(_ type: String) -> String? {
    let excerpt = String(type.prefix(Self.longest))
    guard known.count < Self.most, known.insert(excerpt).inserted else { return nil }
    return excerpt
  }
}
