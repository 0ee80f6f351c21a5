import FoundationEssentials
import Logging
import Shared

/// What binders are asked for: one message a pod, sent until it is answered.
@EventLoop
final class Outbox {
  /// What has become of a message.
  struct Settled {
    var message: BrokerMessage
    var outcome: BinderMessage.Outcome
  }

  private final class Entry {
    var message: BrokerMessage?
    /// Told with the message, and repeated by its outcome: a late answer to an older message is
    /// told apart, also where both say the same.
    var id = 0
    var isAnswered = false
    var throttle = ReportThrottle()
    var backoff = Backoff(first: 0.5, longest: 300)
    var retryTimer: EventSource?
    /// What the last failure said; the same words are logged once.
    var complaint: String?
    /// What was answered as done and is wanted all the same is asked for again from then on;
    /// monotonic seconds.
    var askAgainAt = Double.infinity
    var repeats: Backoff

    init(patience: Double) {
      repeats = Backoff(first: patience, longest: patience * 10)
    }
  }

  private let publisher: Publisher
  private let patience: Double
  private let log: Logger
  private let complaints: RepeatedLine
  private var entries: [String: Entry] = [:]
  private var lastID = 0

  /// Whether this broker is to act on the pod of this UID at this moment; what it is not to act on
  /// is not told.
  var owns: @EventLoop (String) -> Bool = { _ in false }

  /// - Parameter patience: seconds after which a binding or deletion that was answered as done, and
  ///   of which kube-watcher tells nothing, is asked for again; later up to ten times as long.
  init(publisher: Publisher, patience: Double = 60, log: Logger) {
    self.publisher = publisher
    self.patience = patience
    self.log = log
    complaints = RepeatedLine(log: log)
    publisher.objects = { [unowned self] in entries.keys.compactMap(published) }
  }

  /// Lets this be what is wanted for a pod, in place of what was.
  /// - Parameters:
  ///   - isGone: whether the pod no longer exists, so that nothing can be told about it.
  ///   - name: the pod's, for the log.
  func want(_ message: BrokerMessage?, for uid: String, name: String, isGone: Bool) {
    guard message != nil || entries[uid] != nil else { return }
    let entry = entries[uid] ?? Entry(patience: patience)
    entries[uid] = entry
    guard message != entry.message else { return askAgain(entry, uid, name) }
    if case .report(let report) = message, case .report = entry.message,
      !entry.throttle.allows(report.message, now: Monotonic.now)
    {
      // The next comparison brings it again.
      return
    }
    if message == nil, !isGone, !entry.isAnswered, case .report(let report) = entry.message,
      !report.unscheduled
    {
      // What happened stays true, though nothing is to be done about it any more.
      return
    }
    let before = entry.message
    let wasAnswered = entry.isAnswered
    lastID += 1
    entry.id = lastID
    entry.message = message
    entry.isAnswered = false
    entry.retryTimer = nil
    entry.complaint = nil
    entry.askAgainAt = .infinity
    entry.repeats.reset()
    if let message {
      if case .report(let report) = message {
        entry.throttle.told(report.message, now: Monotonic.now)
        if report.unscheduled, report.job == nil {
          // Of what many pods are told, one line stands for all.
          complaints.warn("pod \(name): \(report.message)", cause: report.message)
        }
      }
      if case .evict(let evict) = message {
        log.warning("pod \(name) is to be deleted: \(evict.message)")
      }
      repeatMessage(for: uid)
    } else if let before, !wasAnswered, let pod = before.pod {
      publisher.announce(key: uid, uid: uid, BrokerMessage.withdraw(pod))
    }
  }

  /// Asks anew for what was answered as done, but has not become so: the answer was wrong, or what
  /// was done is undone (an etcd that was restored).
  private func askAgain(_ entry: Entry, _ uid: String, _ name: String) {
    guard entry.isAnswered, Monotonic.now >= entry.askAgainAt else { return }
    log.notice("pod \(name): what a binder has answered has not come about: it is asked again")
    lastID += 1
    entry.id = lastID
    entry.isAnswered = false
    entry.askAgainAt = .infinity
    repeatMessage(for: uid)
  }

  /// Says again what has not been answered: binders may not have heard it from us.
  func repeatMessage(for uid: String) {
    if let object = published(uid) { publisher.publish(object) }
  }

  /// Whether a message for this pod waits for its answer.
  func isOpen(_ uid: String) -> Bool {
    guard let entry = entries[uid] else { return false }
    return entry.message != nil && !entry.isAnswered
  }

  /// Forgets a pod that no longer is.
  func forget(_ uid: String) {
    entries[uid] = nil
  }

  /// Takes a binder's answer.
  /// - Parameter name: the pod's, for the log.
  /// - Returns: what it answers; nil when it is about nothing that is wanted now.
  func settle(_ outcome: BinderMessage.Outcome, name: String) -> Settled? {
    guard let entry = entries[outcome.pod.uid], let message = entry.message, !entry.isAnswered,
      message.isAnswered(by: outcome), outcome.id == nil || outcome.id == entry.id
    else { return nil }
    switch outcome.result {
    case .refused, .retry:
      scheduleRetry(entry, message, outcome, name)
    case .bound, .deleted, .reported, .gone, .finished, .conflict:
      entry.isAnswered = true
      entry.backoff.reset()
      if !message.isReport || outcome.result == .gone {
        entry.askAgainAt = Monotonic.now + entry.repeats.delay()
      }
      if entry.complaint != nil { log.notice("pod \(name): \(outcome.request): works again") }
      entry.complaint = nil
    }
    return Settled(message: message, outcome: outcome)
  }

  private func scheduleRetry(
    _ entry: Entry, _ message: BrokerMessage, _ outcome: BinderMessage.Outcome, _ name: String
  ) {
    let delay = entry.backoff.delay()
    let words = outcome.message.map { ": \($0)" } ?? ""
    let complaint = "\(outcome.result.rawValue)\(words)"
    // Which words come first is news; that they come again is not.
    let isNews = complaint != entry.complaint && outcome.result == .refused
    log.log(
      level: isNews ? .error : .debug,
      "pod \(name): \(outcome.request): \(complaint), again in \(String(rounded: delay)) s")
    entry.complaint = complaint
    let uid = outcome.pod.uid
    let id = entry.id
    let timer = EventSource.timer { [weak self, weak entry] in
      guard let self, let entry, entry.id == id, !entry.isAnswered else { return }
      repeatMessage(for: uid)
    }
    timer.schedule(after: delay)
    entry.retryTimer = timer
  }

  private func published(_ uid: String) -> Published? {
    guard let entry = entries[uid], let message = entry.message, !entry.isAnswered, owns(uid) else {
      return nil
    }
    let numbered = NumberedMessage(id: entry.id, message: message)
    return Published(key: uid, uid: uid) { try JSONEncoder().encode(numbered) }
  }
}

/// A broker's message with the number that its outcome repeats.
private struct NumberedMessage: Encodable, Sendable {
  var id: Int
  var message: BrokerMessage

  private enum Key: CodingKey { case id }

  func encode(to encoder: any Encoder) throws {
    try message.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(id, forKey: .id)
  }
}

extension BrokerMessage {
  fileprivate var isReport: Bool { if case .report = self { true } else { false } }

  /// Whether an outcome is about a message of this kind and job.
  fileprivate func isAnswered(by outcome: BinderMessage.Outcome) -> Bool {
    switch self {
    case .bind(let bind): outcome.request == "bind" && outcome.job == bind.job
    case .evict(let evict): outcome.request == "evict" && outcome.job == evict.job
    case .report(let report): outcome.request == "report" && outcome.job == report.job
    case .withdraw, .unknown: false
    }
  }
}
