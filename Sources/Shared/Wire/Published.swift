import FoundationEssentials

/// One object that a publisher makes known: a key, whose it is to act on, its message.
public struct Published: Sendable {
  /// Unique among the publisher's objects.
  public let key: String
  /// The pod's or node's UID, by which subscribers share the work; nil when nobody acts on it.
  public let uid: String?
  /// Makes the message's JSON object.
  public let encode: @Sendable () throws -> Data

  public init(key: String, uid: String?, encode: @escaping @Sendable () throws -> Data) {
    self.key = key
    self.uid = uid
    self.encode = encode
  }
}
