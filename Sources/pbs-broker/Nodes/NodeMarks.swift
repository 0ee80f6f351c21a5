import FoundationEssentials
import Logging
import Messages
import Runtime
import Text
import Wire

/// What binders are asked to show on nodes: one message a node, sent until it is answered, and again
/// when kube-watcher does not show it.
@EventLoop
final class NodeMarks {
  /// Seconds after which what a binder says to have done must show.
  private static let belief = 30.0

  private final class Entry {
    var mark: MarkNode
    var id: Int
    var isAnswered = false
    var answeredAt = 0.0
    var backoff: Backoff
    var retryTimer: (any Timer)?
    /// What the last failure said; the same words are logged once.
    var complaint: String?

    init(_ mark: MarkNode, id: Int, jitter: Jitter) {
      self.mark = mark
      self.id = id
      backoff = Backoff(first: 1, longest: 300, jitter: jitter)
    }
  }

  private let publisher: Publisher
  private let clock: any Clock
  private let log: Logger
  private var entries: [String: Entry] = [:]
  private var lastID = 0
  /// Whether this broker is to act on the node of this UID at this moment.
  var owns: @EventLoop (String) -> Bool = { _ in false }

  init(publisher: Publisher, clock: any Clock, log: Logger) {
    self.publisher = publisher
    self.clock = clock
    self.log = log
    let others = publisher.objects
    publisher.objects = { [unowned self] in others() + entries.keys.compactMap(published) }
  }

  /// Lets this be what is wanted for a node, in place of what was; nil: it is as it should be.
  func want(_ mark: MarkNode?, for uid: String) {
    guard let mark else {
      // A binder that does it all the same is told the contrary when that shows.
      entries[uid] = nil
      return
    }
    if let entry = entries[uid], entry.mark == mark {
      guard entry.isAnswered, clock.now - entry.answeredAt >= Self.belief else { return }
      entry.isAnswered = false
      return publish(uid)
    }
    lastID += 1
    entries[uid] = Entry(mark, id: lastID, jitter: clock.jitter())
    log.info("node \(mark.node.name): \(mark.reason)")
    publish(uid)
  }

  /// The node is gone, and so is what was wanted of it.
  func forget(_ uid: String) { entries[uid] = nil }

  /// Nothing is wanted of any node any more.
  func forgetAll() { entries.removeAll() }

  /// For how many nodes something is remembered.
  var count: Int { entries.count }

  /// Says again what has not been answered.
  func publish(_ uid: String) {
    if let object = published(uid) { publisher.publish(object) }
  }

  /// Takes a binder's answer.
  func settle(_ outcome: BinderMessage.NodeOutcome, from binder: String) {
    let uid = outcome.node.uid
    guard let entry = entries[uid], !entry.isAnswered,
      outcome.id == nil || outcome.id == entry.id, publisher.owner(of: uid) == binder
    else { return }
    switch outcome.result {
    case .marked, .gone:
      entry.isAnswered = true
      entry.answeredAt = clock.now
      entry.backoff.reset()
      entry.complaint = nil
    case .refused, .retry:
      let delay = entry.backoff.delay()
      let words = outcome.message.map { ": \($0)" } ?? ""
      let complaint = "\(outcome.result.rawValue)\(words)"
      let isNews = complaint != entry.complaint && outcome.result == .refused
      log.log(
        level: isNews ? .error : .debug,
        "node \(outcome.node.name): mark-node: \(complaint), again in \(String(rounded: delay)) s")
      entry.complaint = complaint
      let timer = clock.timer { [weak self, weak entry] in
        guard let self, let entry, entries[uid] === entry, !entry.isAnswered else { return }
        publish(uid)
      }
      timer.schedule(after: delay)
      entry.retryTimer = timer
    }
  }

  private func published(_ uid: String) -> Published? {
    guard let entry = entries[uid], !entry.isAnswered, owns(uid) else { return nil }
    let message = NumberedMessage(id: entry.id, message: .markNode(entry.mark))
    return Published(key: "node \(uid)", uid: uid) { try JSONEncoder().encode(message) }
  }
}
