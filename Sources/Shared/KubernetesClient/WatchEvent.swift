/// One line of a watch (metav1.WatchEvent).
enum WatchEvent<Object: Decodable & Sendable>: Decodable {
  case present(Object, ResourceVersion)
  case gone(Object, ResourceVersion)
  case bookmark(ResourceVersion)
  /// An object that is there or gone, and cannot be read.
  case unreadable(UnreadableObject, ResourceVersion, isGone: Bool)
  case error(KubernetesError)

  enum Key: CodingKey { case type, object }
  struct Versioned: Decodable {
    struct Metadata: Decodable { var resourceVersion: String }
    var metadata: Metadata
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    func version() throws -> ResourceVersion {
      ResourceVersion(
        try container.decode(Versioned.self, forKey: .object).metadata.resourceVersion)
    }
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "ADDED", "MODIFIED", "DELETED":
      switch try container.decode(Readable<Object>.self, forKey: .object) {
      case .object(let object):
        self = type == "DELETED" ? .gone(object, try version()) : .present(object, try version())
      case .unreadable(let object):
        self = .unreadable(object, try version(), isGone: type == "DELETED")
      }
    case "BOOKMARK":
      self = .bookmark(try version())
    case "ERROR":
      self = .error(
        KubernetesError(try container.decode(KubernetesError.Status.self, forKey: .object)))
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .type, in: container, debugDescription: "unknown watch event \(type)")
    }
  }
}
