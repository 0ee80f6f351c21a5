import DequeModule
import FoundationEssentials
import Logging
import Shared

/// Takes what the brokers ask for, does it pod by pod, and answers with the outcome.
///
/// For each pod the newest message stands. Bindings go first, then deletions, then reports;
/// the queues live here, and nothing else is kept: what is not answered comes again.
@EventLoop
final class Binder {
  private let instance: String
  private let pods: PodActions
  private let events: EventRecorder
  private let requestsInFlight: Int
  private let log: Logger
  private var subscriptions: [Subscription] = []
  /// What is to be done, by UID; replaced by newer messages.
  private var wanted: [String: Work] = [:]
  private var queues: [Deque<String>] = [[], [], []]
  private var active: Set<String> = []
  /// How many of these are bindings.
  private var binding = 0
  /// No request before this moment: the server asked for rest.
  private var restUntil = 0.0
  private var restTimer: EventSource?
  private var unknownTypes = UnknownTypes()

  private struct Work {
    var message: BrokerMessage
    var from: Subscription

    /// Asked for in the same words by the same broker: another one has to hear an answer of its own.
    func isSame(as other: Work?) -> Bool {
      message == other?.message && from === other?.from
    }
  }

  init(
    instance: String, pods: PodActions, events: EventRecorder, requestsInFlight: Int, log: Logger
  ) {
    self.instance = instance
    self.pods = pods
    self.events = events
    self.requestsInFlight = requestsInFlight
    self.log = log
    restTimer = EventSource.timer { [unowned self] in
      // The timer is the end of the rest; by the clock it may come a moment early.
      restUntil = 0
      start()
    }
  }

  /// Starts to listen to a broker.
  func subscribe(_ subscription: Subscription) {
    subscriptions.append(subscription)
    subscription.onMessage = { [unowned self, unowned subscription] in receive($0, subscription) }
    // What is still wanted comes again with the snapshot of the next connection.
    subscription.onDisconnected = { [unowned self, unowned subscription] in
      wanted = wanted.filter { $0.value.from !== subscription }
    }
    subscription.start()
  }

  /// Every message that a broker may send, and what follows.
  private func receive(_ json: Data, _ subscription: Subscription) {
    let owned: OwnedBrokerMessage
    do {
      owned = try JSONDecoder().decode(OwnedBrokerMessage.self, from: json)
    } catch {
      return log.error("pbs-broker: a message cannot be read: \(error)")
    }
    switch owned.message {
    case .bind(let bind): want(owned, bind.pod, priority: 0, subscription)
    case .evict(let evict): want(owned, evict.pod, priority: 1, subscription)
    case .report(let report): want(owned, report.pod, priority: 2, subscription)
    case .withdraw(let pod): wanted[pod.uid] = nil
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("pbs-broker: message \(type) is unknown, ignored")
      }
    }
  }

  private func want(
    _ owned: OwnedBrokerMessage, _ pod: PodReference, priority: Int, _ subscription: Subscription
  ) {
    guard owned.owner == instance else {
      wanted[pod.uid] = nil
      return
    }
    let isQueued = wanted[pod.uid].map { Self.priority($0.message) == priority } ?? false
    wanted[pod.uid] = Work(message: owned.message, from: subscription)
    if !isQueued || active.contains(pod.uid) { queues[priority].append(pod.uid) }
    start()
  }

  private static func priority(_ message: BrokerMessage) -> Int {
    switch message {
    case .bind: 0
    case .evict: 1
    default: 2
    }
  }

  private func start() {
    if Monotonic.now < restUntil { return }
    while active.count < requestsInFlight, let uid = next() {
      guard let work = wanted[uid] else { continue }
      active.insert(uid)
      let isBinding = Self.priority(work.message) == 0
      if isBinding { binding += 1 }
      Task { @EventLoop in
        await perform(work, uid)
        active.remove(uid)
        if isBinding { binding -= 1 }
        // What came meanwhile for this pod was held back.
        if let newer = wanted[uid] { queues[Self.priority(newer.message)].append(uid) }
        start()
      }
    }
    events.yield(toBindings: binding > 0 || !queues[0].isEmpty)
  }

  /// The next pod on which nothing is under way.
  private func next() -> String? {
    for priority in queues.indices {
      while let uid = queues[priority].popFirst() {
        guard let work = wanted[uid], Self.priority(work.message) == priority, !active.contains(uid)
        else { continue }
        return uid
      }
    }
    return nil
  }

  private func perform(_ work: Work, _ uid: String) async {
    // Another binder may own the pod by now, when this process was stopped for a while.
    guard work.from.ownsItsShare else {
      // It may still be ours, since the broker may have been silent for a moment only.
      return settle(work, uid, PodActions.Answer(result: .retry, words: "ownership is in doubt"))
    }
    let isWanted: @EventLoop () -> Bool = { [unowned self] in
      work.isSame(as: wanted[uid]) && work.from.ownsItsShare
    }
    let answer: PodActions.Answer
    switch work.message {
    case .bind(let bind):
      answer = await pods.bind(bind, isWanted: isWanted)
      record(answer, of: bind)
    case .evict(let evict):
      answer = await pods.evict(evict, isWanted: isWanted)
      if answer.result == .deleted, answer.isNew {
        log.info("deleting pod \(evict.pod.fullName): \(evict.message)")
        events.record(evict.pod, reason: "JobEnded", message: evict.message, warning: true)
      }
    case .report(let report):
      answer = await pods.report(report)
      if answer.result == .reported {
        events.record(
          report.pod, reason: report.reason, message: report.message, warning: report.warning)
      }
    case .withdraw, .unknown:
      return
    }
    if let rest = answer.rest {
      restUntil = Monotonic.now + rest
      restTimer?.schedule(after: rest)
    }
    settle(work, uid, answer)
  }

  /// Answers, unless a newer message stands.
  private func settle(_ work: Work, _ uid: String, _ answer: PodActions.Answer) {
    guard work.isSame(as: wanted[uid]) else { return }
    wanted[uid] = nil
    let (request, job) = work.message.kind
    let pod = work.message.pod ?? PodReference(uid: uid, namespace: "", name: "")
    work.from.send(
      BinderMessage.outcome(
        .init(pod: pod, request: request, job: job, result: answer.result, message: answer.words)))
  }

  private func record(_ answer: PodActions.Answer, of bind: BrokerMessage.Bind) {
    switch answer.result {
    case .bound where answer.isNew:
      log.info("successfully assigned \(bind.pod.fullName) to \(bind.node)")
      events.record(
        bind.pod, reason: "Scheduled",
        message: "Successfully assigned \(bind.pod.fullName) to \(bind.node) (job \(bind.job))",
        warning: false)
    case .conflict:
      log.warning("pod \(bind.pod.fullName) is not bound to \(bind.node): \(answer.words ?? "")")
      events.record(
        bind.pod, reason: "FailedBinding",
        message: "job \(bind.job) runs on \(bind.node): \(answer.words ?? "")", warning: true)
    case .refused:
      log.error("pod \(bind.pod.fullName) cannot be bound to \(bind.node): \(answer.words ?? "")")
    default:
      break
    }
  }
}

extension BrokerMessage {
  /// The message's type and job, as an outcome repeats them.
  fileprivate var kind: (request: String, job: String?) {
    switch self {
    case .bind(let bind): ("bind", bind.job)
    case .evict(let evict): ("evict", evict.job)
    case .report(let report): ("report", report.job)
    case .withdraw, .unknown: ("", nil)
    }
  }
}
