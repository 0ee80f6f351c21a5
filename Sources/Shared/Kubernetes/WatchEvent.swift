/// One line of a watch (metav1.WatchEvent).
enum WatchEvent<Object: Decodable>: Decodable {
  case present(Object, String)
  case gone(Object, String)
  case bookmark(String)
  case error(KubernetesError)

  enum Key: CodingKey { case type, object }
  struct Versioned: Decodable {
    struct Metadata: Decodable { var resourceVersion: String }
    var metadata: Metadata
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    func version() throws -> String {
      try container.decode(Versioned.self, forKey: .object).metadata.resourceVersion
    }
    let type = try container.decode(String.self, forKey: .type)
    switch type {
    case "ADDED", "MODIFIED":
      self = .present(try container.decode(Object.self, forKey: .object), try version())
    case "DELETED":
      self = .gone(try container.decode(Object.self, forKey: .object), try version())
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
