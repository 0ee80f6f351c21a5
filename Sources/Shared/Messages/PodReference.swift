/// Which pod a message is about. Names are reused, UIDs are not.
public struct PodReference: Codable, Sendable, Hashable {
  public var uid: String
  public var namespace: String
  public var name: String

  public init(uid: String, namespace: String, name: String) {
    self.uid = uid
    self.namespace = namespace
    self.name = name
  }

  /// A pod's own reference; nil for a pod without UID, which no API server sends.
  public init?(_ pod: Pod) {
    guard let uid = pod.metadata.uid else { return nil }
    self.init(uid: uid, namespace: pod.metadata.namespace ?? "default", name: pod.metadata.name)
  }

  /// "namespace/name".
  public var fullName: String { "\(namespace)/\(name)" }
}
