import ConnectorMetrics
import FoundationEssentials
import Logging
import Messages
import Monitoring
import Runtime
import Text
import Wire

/// What binders are asked for: one message a pod, sent until it is answered by the pod's owner. What
/// it says to have done is believed while kube-watcher shows it, and asked for again when it does not:
/// other brokers and binders may have undone it.
@EventLoop
final class Outbox {
  /// What has become of a message.
  struct Settled {
    var message: BrokerMessage
    var outcome: BinderMessage.Outcome
  }

  /// Seconds after which what a binder says to have done must show, the first time and at most.
  static nonisolated let belief = 30.0
  static let longestBelief = 600.0
  /// Seconds between looks at what binders bring about, at most.
  private static let lookInterval = 1.0

  private let publisher: Publisher
  private let belief: Double
  let clock: any Clock
  private let log: Logger
  let complaints: RepeatedLine
  private var entries: [String: Entry] = [:]
  private var lastID = 0
  private var progress: BinderProgress
  private var lookTimer: (any Timer)?
  private var isLooking = false

  /// Whether this broker is to act on the pod of this UID at this moment; what it is not to act on
  /// is not told.
  var owns: @EventLoop (String) -> Bool = { _ in false }

  /// The binder whose pod of this UID is; nil while it is nobody's.
  lazy var ownerOf: @EventLoop (String) -> String? = { [unowned self] in publisher.owner(of: $0) }

  /// Since when all that has happened to pods is heard at once, monotonic; nil while it is not.
  var hearsSince: @EventLoop () -> Double? = { nil }

  /// Whether a pod is as a message asks for, or is told what it says, by kube-watcher's word.
  var shows: @EventLoop (BrokerMessage) -> Bool = { _ in false }

  /// - Parameters:
  ///   - patience: seconds for which a binder may bring nothing about while others do.
  ///   - belief: seconds after which what a binder says to have done must show, the first time.
  init(
    publisher: Publisher, patience: Double = BinderProgress.Limits().patience,
    belief: Double = Outbox.belief, clock: any Clock, log: Logger
  ) {
    self.publisher = publisher
    self.belief = belief
    self.clock = clock
    self.log = log
    complaints = RepeatedLine(clock: clock, log: log)
    progress = BinderProgress(limits: .init(patience: patience))
    lookTimer = clock.timer { [unowned self] in look() }
    publisher.objects = { [unowned self] in entries.keys.compactMap(published) }
  }

  /// Lets this be what is wanted for a pod, in place of what was.
  /// - Parameters:
  ///   - isGone: whether the pod no longer exists, so that nothing can be told about it.
  ///   - name: the pod's, for the log.
  /// - Returns: false where the next comparison is to bring it again: too much was said lately.
  @discardableResult
  func want(_ message: BrokerMessage?, for uid: String, name: String, isGone: Bool) -> Bool {
    guard message != nil || entries[uid] != nil else { return true }
    let entry = entries[uid] ?? Entry(belief: belief, jitter: clock.jitter())
    entries[uid] = entry
    let standing = standing(of: entry)
    guard message != entry.message else {
      if standing == .overdue { tellAgain(entry, uid, name) }
      return standing == .stands
    }
    if case .report(let report) = message, case .report = entry.message, standing != .overdue,
      !entry.throttle.allows(report.throttled, now: clock.now)
    {
      return false
    }
    if message == nil, !isGone, !entry.isAnswered, case .report(let report) = entry.message,
      !report.unscheduled
    {
      // What happened stays true, though nothing is to be done about it any more.
      return true
    }
    let before = entry.message
    let wasAnswered = entry.isAnswered
    // kube-watcher may show it before the answer is here.
    if let before, before.changesPod, shows(before),
      let binder = entry.answer?.binder ?? ownerOf(uid)
    {
      progress.advanced(binder, now: clock.now)
      entry.refused = nil
    }
    if message == nil { entry.refused = nil }
    lastID += 1
    entry.id = lastID
    entry.message = message
    entry.isAnswered = false
    entry.retryTimer = nil
    entry.complaint = nil
    entry.asked = nil
    entry.answer = nil
    entry.isAnsweredGone = false
    entry.belief = belief
    if let message {
      if message.changesPod { lookSoon() }
      if case .report(let report) = message {
        entry.throttle.told(report.throttled, now: clock.now)
        if report.unscheduled, report.job == nil {
          // Of what many pods are told, one line stands for all.
          complaints.warn("pod \(name): \(report.message)", cause: report.message)
        }
      }
      if case .evict(let evict) = message {
        log.warning(
          "pod \(name) is to be deleted: \(evict.message)",
          metadata: .about(pod: name, uid: uid, job: evict.job))
      }
      repeatMessage(for: uid)
    } else if let before, !wasAnswered, let pod = before.pod {
      publisher.announce(key: uid, uid: uid, BrokerMessage.withdraw(pod))
    }
    return true
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

  /// How many messages wait for their answers.
  var openCount: Int { entries.values.count { $0.message != nil && !$0.isAnswered } }

  /// Forgets a pod that no longer is.
  func forget(_ uid: String) {
    entries[uid] = nil
  }

  /// Takes a binder's answer.
  /// - Parameters:
  ///   - binder: whose answer it is. Only the pod's owner's counts: another one is not to act on it.
  ///   - name: the pod's, for the log.
  /// - Returns: what it answers; nil when it is about nothing that is wanted now.
  func settle(_ outcome: BinderMessage.Outcome, from binder: String, name: String) -> Settled? {
    guard let entry = entries[outcome.pod.uid], let message = entry.message, !entry.isAnswered,
      message.isAnswered(by: outcome), outcome.id == nil || outcome.id == entry.id
    else { return nil }
    guard ownerOf(outcome.pod.uid) == binder else {
      log.debug(
        "pod \(name): \(outcome.request): the answer of \(binder) is ignored, which does not own it"
      )
      return nil
    }
    switch outcome.result {
    case .refused, .retry:
      if outcome.result == .refused, message.changesPod, entry.refused?.binder != binder {
        entry.refused = (binder, entry.asked?.since ?? clock.now)
      }
      scheduleRetry(entry, message, outcome, name)
    case .bound, .deleted, .reported, .gone, .finished, .conflict:
      entry.isAnswered = true
      entry.answer = (binder, clock.now)
      entry.isAnsweredGone = outcome.result == .gone
      if entry.isAnsweredGone { lookSoon() }
      entry.backoff.reset()
      if entry.complaint != nil {
        log.notice(
          "pod \(name): \(outcome.request): works again",
          metadata: .about(pod: name, uid: outcome.pod.uid, job: outcome.job))
      }
      entry.complaint = nil
    }
    Metric.outcomes.count(1, outcome.request, outcome.result.rawValue)
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
      "pod \(name): \(outcome.request): \(complaint), again in \(String(rounded: delay)) s",
      metadata: .about(pod: name, uid: outcome.pod.uid, job: outcome.job))
    entry.complaint = complaint
    let uid = outcome.pod.uid
    let id = entry.id
    let timer = clock.timer { [weak self, weak entry] in
      guard let self, let entry, entry.id == id, !entry.isAnswered else { return }
      repeatMessage(for: uid)
    }
    timer.schedule(after: delay)
    entry.retryTimer = timer
  }

  /// Asks again for what was answered and does not show, and gives the share of binders that bring
  /// nothing about to the others.
  private func look() {
    isLooking = false
    var matters = false
    let now = clock.now
    let hearsSince = hearsSince()
    var waiting: [String: Double] = [:]
    for (uid, entry) in entries {
      // A binder that refuses everything has pods told so in between, and brings about no more for that.
      if let refused = entry.refused, owns(uid), ownerOf(uid) == refused.binder {
        waiting[refused.binder] = min(waiting[refused.binder] ?? now, refused.since)
        matters = true
      }
      guard let message = entry.message, message.changesPod || entry.isAnsweredGone, owns(uid)
      else {
        entry.asked = nil
        matters = matters || entry.message?.changesPod == true || entry.isAnsweredGone
        continue
      }
      matters = true
      guard let owner = ownerOf(uid) else { continue }
      // What was answered and does not show waits, too.
      if entry.asked?.binder != owner { entry.asked = (owner, now) }
      if message.changesPod {
        waiting[owner] = min(waiting[owner] ?? now, entry.asked?.since ?? now)
      }
      guard let answer = entry.answer else { continue }
      if answer.binder != owner {
        ask(again: entry, uid)
      } else if let hearsSince, now - max(answer.at, hearsSince) >= entry.belief {
        noteDoubt(entry, answer.binder, message)
        ask(again: entry, uid)
      }
    }
    let aside = progress.aside(publisher.sharers, waiting: waiting, now: now)
    for (name, rest) in aside.new {
      log.warning(
        "binder \(name) has brought nothing about for a while: its pods are the others' for \(Int(rest)) s"
      )
    }
    publisher.leaveOut(aside.all)
    if matters || !aside.all.isEmpty { lookSoon() }
  }

  /// Looks again in a moment; while nothing is asked for, nothing need be looked at.
  private func lookSoon() {
    guard !isLooking else { return }
    isLooking = true
    lookTimer?.schedule(after: min(Self.lookInterval, belief))
  }

  private func noteDoubt(_ entry: Entry, _ binder: String, _ message: BrokerMessage) {
    if entry.belief == belief, let pod = message.pod {
      log.warning(
        "pod \(pod.fullName): binder \(binder) has answered, and nothing shows of it: it is asked again",
        metadata: .about(pod: pod.fullName, uid: pod.uid)
      )
    }
    entry.belief = min(entry.belief * 2, Self.longestBelief)
  }

  func ask(again entry: Entry, _ uid: String) {
    lastID += 1
    entry.id = lastID
    entry.isAnswered = false
    entry.answer = nil
    repeatMessage(for: uid)
  }

  private func published(_ uid: String) -> Published? {
    guard let entry = entries[uid], let message = entry.message, !entry.isAnswered, owns(uid)
    else { return nil }
    let numbered = NumberedMessage(id: entry.id, message: message)
    return Published(key: uid, uid: uid) { try JSONEncoder().encode(numbered) }
  }
}
