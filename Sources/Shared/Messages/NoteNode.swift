import Kubernetes
import Text

/// Something for an Event about a node: what is wrong between it and its PBS host. It is said once,
/// and not answered: an Event that is lost does no harm.
public struct NoteNode: Codable, Sendable, Equatable {
  public var node: NodeReference
  /// The Event's reason: one word in CamelCase.
  public var reason: String
  public var message: String
  /// Whether the Event is a Warning.
  public var warning: Bool

  public init(node: NodeReference, reason: String, message: String, warning: Bool) {
    self.node = node
    self.reason = reason
    self.message = message
    self.warning = warning
  }

  /// Why no honest broker sends this; nil when nothing is wrong with it.
  var problem: String? {
    node.problem ?? BrokerMessage.problem(ofReason: reason)
  }
}
