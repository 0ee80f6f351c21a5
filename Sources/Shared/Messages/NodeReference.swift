import Kubernetes
import Text

/// Which node a message is about.
public struct NodeReference: Codable, Sendable, Hashable {
  public var uid: String
  public var name: String

  public init(uid: String, name: String) {
    self.uid = uid
    self.name = name
  }

  /// A node's own reference; nil for a node without UID, which no API server sends.
  public init?(_ node: Node) {
    guard let uid = node.metadata.uid else { return nil }
    self.init(uid: uid, name: node.metadata.name)
  }

  /// What is not a name by Kubernetes' own rules, in words; nil when all is.
  public var problem: String? {
    if !KubernetesName.isUID(uid) { return "\(PlainText.quoted(uid)) is no UID" }
    if !KubernetesName.isSubdomain(name) { return "\(PlainText.quoted(name)) is no node's name" }
    return nil
  }
}
