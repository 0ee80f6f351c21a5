import Kubernetes
import Messages
import Runtime
import Wire

/// Has binders write Events on nodes about what is wrong with their hosts: one for each thing that is
/// wrong, again every ``interval`` while it lasts, since Events expire.
@EventLoop
final class NodeNotes {
  /// Seconds between two Events about the same; Kubernetes keeps an Event for an hour.
  static let interval = 3600.0
  /// Events of one look: the rest has its turn with the next ones.
  private static let most = 100
  /// What is remembered.
  private static let limit = 20_000

  private struct Subject: Hashable {
    var uid: String
    var kind: HostReport.Finding.Kind
    /// The first word of what is said, which names a resource.
    var name: Substring
  }

  private let publisher: Publisher
  private var told: [Subject: Double] = [:]
  /// Whether this broker is to act on the node of this UID at this moment.
  var owns: @EventLoop (String) -> Bool = { _ in false }

  init(publisher: Publisher) {
    self.publisher = publisher
  }

  /// Whether there is a binder: an Event that nobody hears of is lost.
  var isHeard: Bool { !publisher.sharers.isEmpty }

  /// Tells binders what is wrong, as far as it is their turn to hear it.
  /// - Parameter nodes: by name.
  func tell(_ reports: [HostReport], nodes: [String: Node], now: Double) {
    var left = Self.most
    if told.count > Self.limit { told = told.filter { now - $0.value < Self.interval } }
    for report in reports {
      guard left > 0 else { return }
      guard let host = report.host, let name = report.node,
        let node = nodes[name].flatMap(NodeReference.init), owns(node.uid)
      else { continue }
      for finding in report.findings where finding.isWrong {
        let subject = Subject(
          uid: node.uid, kind: finding.kind, name: finding.words.prefix { $0 != " " })
        if let before = told[subject], now - before < Self.interval { continue }
        told[subject] = now
        left -= 1
        let note = NoteNode(
          node: node, reason: "HostDiffers",
          message: "PBS host \(host): \(finding.words)\(finding.cure.map { "; \($0)" } ?? "")",
          warning: true)
        publisher.announce(key: nil, uid: node.uid, BrokerMessage.noteNode(note))
      }
    }
  }
}
