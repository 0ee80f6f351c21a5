import FoundationEssentials
import Messages

/// What PBS has decided, as pods are told it.
extension Job {
  /// When PBS estimates that it starts, RFC 3339; nil where it does not.
  var estimate: String? {
    estimatedStart.map { Date(timeIntervalSince1970: Double($0)).formatted(.iso8601) }
  }

  /// What PBS gave it, where that can stand on a pod.
  var execVnodeForPod: String? {
    guard let execVnode, !chunks.isEmpty,
      execVnode.utf8.count <= BrokerMessage.execVnodeLimit,
      execVnode.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return execVnode
  }
}
