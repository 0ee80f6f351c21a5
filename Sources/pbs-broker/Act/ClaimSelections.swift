import ConnectorMetrics
import FoundationEssentials
import Logging
import Messages
import Monitoring
import Runtime
import Text
import Wire

/// Which volume claims binders are asked to give a node: one message for each claim of a pod, sent until
/// it is answered, and again when kube-watcher does not show it.
@EventLoop
final class ClaimSelections {
  /// Seconds after which what a binder says to have done must show, and after which its silence is
  /// told of.
  private static let belief = 30.0

  private final class Entry {
    let select: SelectNode
    var id: Int
    let since: Double
    var answeredAt: Double?
    var backoff: Backoff
    var retryTimer: (any Timer)?
    /// What the last failure said; the same words are logged once.
    var complaint: String?

    init(_ select: SelectNode, id: Int, now: Double, jitter: Jitter) {
      self.select = select
      self.id = id
      since = now
      backoff = Backoff(first: 1, longest: 300, jitter: jitter)
    }
  }

  private let publisher: Publisher
  private let clock: any Clock
  private let log: Logger
  /// By the UIDs of pod and claim.
  private var entries: [String: [String: Entry]] = [:]
  private var lastID = 0
  /// Whether this broker is to act on the pod of this UID at this moment.
  var owns: @EventLoop (String) -> Bool = { _ in false }
  /// The binder whose pod of this UID is; nil while it is nobody's.
  lazy var ownerOf: @EventLoop (String) -> String? = { [unowned self] in publisher.owner(of: $0) }

  init(publisher: Publisher, clock: any Clock, log: Logger) {
    self.publisher = publisher
    self.clock = clock
    self.log = log
    let others = publisher.objects
    publisher.objects = { [unowned self] in
      others() + entries.values.flatMap(\.values).compactMap(published)
    }
  }

  /// Lets these be what is wanted for a pod, in place of what was.
  func want(_ selections: [SelectNode], for uid: String) {
    guard !selections.isEmpty || entries[uid] != nil else { return }
    let wanted = Dictionary(
      selections.map { ($0.claim.uid, $0) }, uniquingKeysWith: { first, _ in first })
    for (claim, entry) in entries[uid] ?? [:] where wanted[claim] != entry.select {
      entries[uid]?[claim] = nil
      if entry.answeredAt == nil, wanted[claim] == nil { withdraw(entry) }
    }
    for (claim, select) in wanted {
      guard let entry = entries[uid]?[claim] else {
        lastID += 1
        let entry = Entry(select, id: lastID, now: clock.now, jitter: clock.jitter())
        entries[uid, default: [:]][claim] = entry
        publish(entry)
        continue
      }
      guard let answered = entry.answeredAt, clock.now - answered >= Self.belief else { continue }
      // The answer to the first asking is not one to the second.
      lastID += 1
      entry.id = lastID
      entry.answeredAt = nil
      publish(entry)
    }
    if wanted.isEmpty { entries[uid] = nil }
  }

  /// Says again what has not been answered: binders may not have heard it from us.
  func repeatMessages(for uid: String) {
    for entry in (entries[uid] ?? [:]).values { publish(entry) }
  }

  /// For how many claims something is remembered.
  var count: Int { entries.values.reduce(0) { $0 + $1.count } }

  /// Why claims of a pod do not get their node; nil while nothing is wrong.
  func trouble(of uid: String) -> String? {
    let entries = (entries[uid] ?? [:]).values.sorted {
      $0.select.claim.name < $1.select.claim.name
    }
    for entry in entries {
      if let complaint = entry.complaint { return "binder: \(complaint)" }
      if entry.answeredAt == nil, clock.now - entry.since >= Self.belief {
        return "no binder answers: is there one, and of this release?"
      }
    }
    return nil
  }

  /// Takes a binder's answer.
  /// - Returns: whether it is about something that is wanted now.
  @discardableResult
  func settle(_ outcome: BinderMessage.ClaimOutcome, from binder: String) -> Bool {
    guard let entry = entries[outcome.pod.uid]?[outcome.claim.uid], entry.answeredAt == nil,
      outcome.id == nil || outcome.id == entry.id,
      ownerOf(outcome.pod.uid) == binder
    else { return false }
    Metric.outcomes.count(1, BrokerMessage.Kind.selectNode.rawValue, outcome.result.rawValue)
    switch outcome.result {
    case .selected, .conflict, .gone, .finished:
      // What there is now, kube-watcher tells.
      entry.answeredAt = clock.now
      entry.backoff.reset()
      entry.complaint = nil
    case .refused, .retry:
      scheduleRetry(entry, outcome)
    }
    return true
  }

  private func scheduleRetry(_ entry: Entry, _ outcome: BinderMessage.ClaimOutcome) {
    let delay = entry.backoff.delay()
    let words = outcome.message.map { ": \($0)" } ?? ""
    let complaint = "\(outcome.result.rawValue)\(words)"
    let isNews = complaint != entry.complaint && outcome.result == .refused
    log.log(
      level: isNews ? .error : .debug,
      "volume claim \(entry.select.claimName) of pod \(entry.select.pod.fullName): select-node: \(complaint), again in \(String(rounded: delay)) s",
      metadata: .about(
        pod: entry.select.pod.fullName, uid: entry.select.pod.uid, job: entry.select.job))
    entry.complaint = complaint
    let timer = clock.timer { [weak self, weak entry] in
      guard let self, let entry, entry.answeredAt == nil, isWanted(entry) else { return }
      publish(entry)
    }
    timer.schedule(after: delay)
    entry.retryTimer = timer
  }

  private func isWanted(_ entry: Entry) -> Bool {
    entries[entry.select.pod.uid]?[entry.select.claim.uid] === entry
  }

  private func withdraw(_ entry: Entry) {
    var select = entry.select
    select.node = nil
    publisher.announce(
      key: Self.key(select), uid: select.pod.uid, BrokerMessage.selectNode(select))
  }

  private func publish(_ entry: Entry) {
    if let object = published(entry) { publisher.publish(object) }
  }

  private func published(_ entry: Entry) -> Published? {
    guard entry.answeredAt == nil, owns(entry.select.pod.uid) else { return nil }
    let message = NumberedMessage(id: entry.id, message: .selectNode(entry.select))
    return Published(key: Self.key(entry.select), uid: entry.select.pod.uid) {
      try JSONEncoder().encode(message)
    }
  }

  private static func key(_ select: SelectNode) -> String {
    "claim \(select.pod.uid) \(select.claim.uid)"
  }
}
