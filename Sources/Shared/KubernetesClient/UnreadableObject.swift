/// An object of the API that is not what its kind should be: only its name can be told.
public struct UnreadableObject: Decodable, Sendable {
  public let name: String
  public let namespace: String?
  public let uid: String?
  /// What is wrong with it.
  public internal(set) var reason = ""

  private enum Key: CodingKey { case metadata }
  private enum MetadataKey: CodingKey { case name, namespace, uid }

  public init(from decoder: any Decoder) throws {
    let metadata = try decoder.container(keyedBy: Key.self)
      .nestedContainer(keyedBy: MetadataKey.self, forKey: .metadata)
    name = try metadata.decode(String.self, forKey: .name)
    namespace = try metadata.decodeIfPresent(String.self, forKey: .namespace)
    uid = try metadata.decodeIfPresent(String.self, forKey: .uid)
  }

  init(from decoder: any Decoder, because error: any Error) throws {
    try self.init(from: decoder)
    reason = String("\(error)".prefix(300))
  }

  /// "namespace/name", or the name alone.
  var fullName: String { namespace.map { "\($0)/\(name)" } ?? name }
}

/// An object, or what can be told of one that cannot be read: one bad object must not hide the
/// others of its list or watch.
enum Readable<Object: Decodable & Sendable>: Decodable, Sendable {
  case object(Object)
  case unreadable(UnreadableObject)

  init(from decoder: any Decoder) throws {
    do {
      self = .object(try Object(from: decoder))
    } catch {
      self = .unreadable(try UnreadableObject(from: decoder, because: error))
    }
  }
}
