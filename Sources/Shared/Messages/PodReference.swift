import Kubernetes
import Text

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

  /// What is not a name by Kubernetes' own rules, in words; nil when all is. To be asked of every
  /// reference that a peer has sent before its parts go into a URL, a job or a command.
  public var problem: String? {
    if !KubernetesName.isUID(uid) { return "\(PlainText.quoted(uid)) is no UID" }
    if !KubernetesName.isLabel(namespace) {
      return "\(PlainText.quoted(namespace)) is no namespace's name"
    }
    if !KubernetesName.isSubdomain(name) { return "\(PlainText.quoted(name)) is no pod's name" }
    return nil
  }

  /// "namespace/name".
  public var fullName: String { "\(namespace)/\(name)" }
}
