import FoundationEssentials
import Logging
import Messages
import Monitoring
import Runtime
import Text
import Wire

/// Takes what the brokers ask for, does it pod by pod, and answers with the outcome.
///
/// For each pod the newest message of each broker stands. Bindings go first, then deletions, then
/// reports; what waits lives here, and nothing else is kept: what is not answered comes again.
@EventLoop
final class Binder {
  /// Seconds for which something waits while the API server is in trouble, before its broker hears
  /// of that.
  private static let patience = 20.0

  private let instance: String
  let access: APIAccess
  private let pods: PodActions
  let events: EventRecorder
  private let nodes: NodeMarker
  let claims: ClaimSelector
  private let requestsInFlight: Int
  private let most: Int
  private let clock: any Clock
  let log: Logger
  private(set) var subscriptions: [Subscription] = []
  /// What is to be done; replaced by newer messages.
  private(set) var wanted: [Item: Work] = [:]
  private var agenda = Agenda<Item>(urgencies: 3)
  /// UIDs of the pods on which something is under way.
  private(set) var active: Set<String> = []
  /// How many of these are bindings.
  private var binding = 0
  /// Reports are paced, so that a thousand pods that are refused are not thousands of requests at
  /// once; which of them goes next is a matter of turns. (kube-scheduler's --kube-api-qps and -burst.)
  private var reportPace = TokenBucket(burst: 100, interval: 1 / 50)
  private var paceTimer: (any Timer)?
  private var troubleTimer: (any Timer)?
  private var isTroubleWatched = false
  private var unknownTypes = UnknownTypes()
  /// Lines about messages that cannot be followed.
  private var complaints = TokenBucket(burst: 20, interval: 10)
  private var untold = 0

  let ending = Drain()

  /// One pod, as one broker speaks of it.
  struct Item: Hashable {
    var uid: String
    /// Its place among the subscriptions.
    var broker: Int
  }

  struct Work {
    var id: Int?
    var message: BrokerMessage
    var since: Double

    /// The same asking. A broker that gives no ids is told apart by its words.
    func isSame(as other: Work?) -> Bool {
      id == other?.id && message == other?.message
    }
  }

  /// - Parameters:
  ///   - requestsInFlight: pods that are acted on at once.
  ///   - most: what may be wanted at once; more is put off.
  init(
    instance: String, access: APIAccess, pods: PodActions, events: EventRecorder,
    requestsInFlight: Int, most: Int = 100_000, clock: any Clock, log: Logger
  ) {
    self.instance = instance
    self.access = access
    self.pods = pods
    self.events = events
    self.requestsInFlight = requestsInFlight
    self.most = most
    self.clock = clock
    self.log = log
    nodes = NodeMarker(instance: instance, access: access, log: log)
    claims = ClaimSelector(instance: instance, access: access, pods: pods, log: log)
    access.onReady = { [unowned self, nodes, claims] in
      nodes.start()
      claims.start()
      start()
    }
    troubleTimer = clock.timer { [unowned self] in tellOfTrouble() }
    paceTimer = clock.timer { [unowned self] in start() }
  }

  /// Starts to listen to a broker.
  func subscribe(_ subscription: Subscription) {
    let broker = subscriptions.count
    subscriptions.append(subscription)
    subscription.onMessage = { [unowned self] in receive($0, broker) }
    // What is still wanted comes again with the snapshot of the next connection.
    subscription.onDisconnected = { [unowned self] in
      for item in wanted.keys where item.broker == broker { forget(item) }
      nodes.forget(of: subscription)
      claims.forget(of: subscription)
    }
    subscription.start()
  }

  // MARK: What is wanted

  /// Every message that a broker may send, and what follows.
  private func receive(_ json: JSONDocument, _ broker: Int) {
    let owned: OwnedBrokerMessage
    do {
      owned = try json.decode(OwnedBrokerMessage.self)
    } catch {
      return complain("a message cannot be read: \(error)")
    }
    if let problem = owned.message.problem { return refuse(owned, problem, broker) }
    switch owned.message {
    case .bind(let bind): want(owned, bind.pod, broker)
    case .evict(let evict): want(owned, evict.pod, broker)
    case .report(let report): want(owned, report.pod, broker)
    case .withdraw(let pod): forget(Item(uid: pod.uid, broker: broker))
    case .markNode(let mark): nodes.want(mark, owned, by: subscriptions[broker])
    case .noteNode(let note) where owned.owner == instance: events.record(note)
    case .noteNode: break
    case .selectNode(let select): claims.want(select, owned, by: subscriptions[broker])
    case .unknown(let type):
      if let type = unknownTypes.new(type) {
        log.warning("pbs-broker: message \(type) is unknown, ignored")
      }
    }
  }

  private func want(_ owned: OwnedBrokerMessage, _ pod: PodReference, _ broker: Int) {
    let item = Item(uid: pod.uid, broker: broker)
    guard owned.owner == instance else { return forget(item) }
    var work = Work(id: owned.id, message: owned.message.shortened, since: clock.now)
    // The broker has waited since it first asked for something about this pod.
    work.since = wanted[item]?.since ?? work.since
    guard wanted[item] != nil || wanted.count < most else {
      complain("\(most) pods wait already, pod \(pod.fullName) is put off")
      return answer(work, .init(result: .retry, words: "too many pods wait for binder"), broker)
    }
    wanted[item] = work
    if !active.contains(item.uid) {
      agenda.add(item, of: pod.namespace, urgency: work.message.urgency)
    }
    watchTrouble()
    start()
  }

  private func forget(_ item: Item) {
    wanted[item] = nil
    agenda.remove(item)
  }

  /// Answers what no honest broker asks for. Nothing of it reaches the API server.
  private func refuse(_ owned: OwnedBrokerMessage, _ problem: String, _ broker: Int) {
    let message = owned.message.shortened
    if case .selectNode(let select) = message {
      claims.refuse(select, owned, problem, by: subscriptions[broker])
    }
    guard owned.owner == instance, message.urgency < BrokerMessage.unanswered else {
      return complain("message \(message.request) is ignored: \(problem)")
    }
    complain("message \(message.request) is refused: \(problem)")
    answer(
      Work(id: owned.id, message: message, since: clock.now),
      .init(result: .refused, words: problem), broker)
  }

  private func complain(_ words: String) {
    guard complaints.take(clock.now) else {
      untold += 1
      return
    }
    let more = untold > 0 ? " (and \(untold) further ones)" : ""
    untold = 0
    log.error("pbs-broker: \(words)\(more)")
  }

  // MARK: Doing it

  private func start() {
    if access.isResting || ending.hasBegun { return }
    let most = access.mostAtOnce(requestsInFlight)
    while active.count < most, let item = next(), let work = wanted[item] {
      active.insert(item.uid)
      let isBinding = work.message.urgency == 0
      if isBinding { binding += 1 }
      Task { @EventLoop in
        await perform(work, item)
        active.remove(item.uid)
        if active.isEmpty { ending.idle() }
        if isBinding { binding -= 1 }
        // What came meanwhile for this pod was held back.
        for broker in subscriptions.indices {
          let held = Item(uid: item.uid, broker: broker)
          guard let newer = wanted[held], let pod = newer.message.pod else { continue }
          agenda.add(held, of: pod.namespace, urgency: newer.message.urgency)
        }
        start()
      }
    }
    events.yield(toBindings: binding > 0 || agenda.has(0))
  }

  /// The next thing to do about a pod on which nothing is under way.
  private func next() -> Item? {
    let now = clock.now
    let reports = BrokerMessage.reports
    while let (item, urgency) = agenda.next(before: reportPace.has(now) ? nil : reports) {
      guard wanted[item] != nil, !active.contains(item.uid) else { continue }
      if urgency == reports { _ = reportPace.take(now) }
      return item
    }
    if agenda.has(reports) { paceTimer?.schedule(after: reportPace.interval) }
    return nil
  }

  private func perform(_ work: Work, _ item: Item) async {
    let broker = subscriptions[item.broker]
    // Another binder may own the pod by now, when this process was stopped for a while.
    guard broker.ownsItsShare else {
      // It may still be ours, since the broker may have been silent for a moment only.
      return settle(work, item, .init(result: .retry, words: "ownership is in doubt"))
    }
    let isWanted: @EventLoop () -> Bool = { [unowned self] in
      work.isSame(as: wanted[item]) && broker.ownsItsShare
    }
    let answer: PodActions.Answer
    switch work.message {
    case .bind(let bind):
      answer = await pods.bind(bind, isWanted: isWanted)
      record(answer, of: bind)
    case .evict(let evict):
      answer = await pods.evict(evict, isWanted: isWanted)
      if answer.result == .deleted, answer.isNew {
        let message = [evict.message, answer.note].compactMap { $0 }.joined(separator: "; ")
        log.info(
          "deleting pod \(evict.pod.fullName): \(message)",
          metadata: .about(pod: evict.pod.fullName, uid: evict.pod.uid, job: evict.job))
        events.record(evict.pod, reason: "JobEnded", message: message, warning: true)
      }
    case .report(let report):
      answer = await pods.report(report, isWanted: isWanted)
      if answer.result == .reported {
        events.record(
          report.pod, reason: report.reason, message: report.message, warning: report.warning)
      }
    case .withdraw, .markNode, .noteNode, .selectNode, .unknown:
      return
    }
    settle(work, item, answer)
  }

  // MARK: Answering

  /// Answers, unless a newer message stands.
  private func settle(_ work: Work, _ item: Item, _ answer: PodActions.Answer) {
    count(work.message, answer)
    guard work.isSame(as: wanted[item]) else { return }
    forget(item)
    self.answer(work, answer, item.broker)
    watchTrouble()
  }

  private func answer(_ work: Work, _ answer: PodActions.Answer, _ broker: Int) {
    guard let pod = work.message.pod else { return }
    let words = answer.words.map { PlainText.escaped($0, limit: PlainText.conditionLimit) }
    subscriptions[broker].send(
      BinderMessage.outcome(
        .init(
          pod: pod, id: work.id, request: work.message.request, job: work.message.job,
          result: answer.result, message: words))
    )
  }

  private func watchTrouble() {
    guard access.trouble != nil, !wanted.isEmpty, !isTroubleWatched else { return }
    isTroubleWatched = true
    troubleTimer?.schedule(after: Self.patience / 4)
  }

  /// Lets brokers know why nothing has come of what they have wanted for a while.
  private func tellOfTrouble() {
    isTroubleWatched = false
    guard let trouble = access.trouble else { return }
    let now = clock.now
    for (item, work) in wanted
    where !active.contains(item.uid) && now - work.since >= Self.patience {
      settle(work, item, .init(result: .retry, words: "binder cannot write: \(trouble)"))
    }
    watchTrouble()
  }
}
