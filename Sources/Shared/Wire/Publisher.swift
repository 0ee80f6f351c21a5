import ConnectorMetrics
import FoundationEssentials
import Glibc
import Logging
import Runtime

/// The server side of a socket: list-then-watch for any number of subscribers.
///
/// A subscriber gets one message an object, then `synced`, then changes. Messages about
/// a pod carry `owner`, the instance that is to act on it: subscribers of the consumer
/// role share the pods by rendezvous hashing, and when one comes or goes, the objects
/// that change hands are sent again.
@EventLoop
public final class Publisher {
  /// Lines a minute about what one user's processes do wrong.
  private static let lines = 60

  private let path: String
  private let hello: ControlMessage.Hello
  private let consumers: Role
  private let clock: any Clock
  private let timing: PublisherTiming
  private let log: Logger
  let listener: SocketListener
  var pingTimer: (any Timer)?
  var subscribers: [Int: Subscriber] = [:]
  private var lastNumber = 0
  private var shares = Shares()
  private var isSynced = false
  private var unknownTypes = UnknownTypes()
  private let encoder: FrameEncoder
  private let complaints: RepeatedLine

  /// The moment (``Clock/now``) until which what we hold is ours to tell and to give. What was not
  /// told after it is lost, so once it has passed, `setSynced(false)` comes before another moment.
  public var validUntil = Double.infinity
  /// Whether another process gives what we would: ours is not to be waited for.
  public var standsBy = false
  /// All objects as they are now, for snapshots, which tell them from the last to the first.
  public var objects: @EventLoop () -> [Published] = { [] }
  /// Gets a subscriber's message that is not one of ``ControlMessage``.
  public var onMessage: (@EventLoop (_ instance: String, _ json: JSONDocument) -> Void)?

  /// Binds the socket.
  /// - Parameters:
  ///   - role: what this process is; `instance` its name.
  ///   - consumers: the role whose subscribers share the work.
  ///   - allowedPeers: users who may connect besides root and our own.
  /// - Throws: ``SocketError``.
  public init(
    path: String, role: Role, instance: String, consumers: Role, allowedPeers: [uid_t],
    timing: PublisherTiming = PublisherTiming(), clock: any Clock, log: Logger
  ) throws(SocketError) {
    self.path = path
    hello = ControlMessage.Hello(role: role, instance: instance)
    self.consumers = consumers
    self.clock = clock
    self.timing = timing
    self.log = log
    encoder = FrameEncoder(path: path, log: log)
    complaints = RepeatedLine(clock: clock, log: log, burst: Self.lines)
    listener = try SocketListener(
      path: path, allowedPeers: allowedPeers,
      connectionLimits: FrameConnection.Limits(frame: Frame.clientLimit), clock: clock, log: log)
    listener.onConnection = { [unowned self] in accept($0, $1) }
    pingTimer = clock.timer { [weak self] in self?.ping() }
    pingTimer?.schedule(after: timing.ping)
  }

  /// An object came or changed: tell everybody.
  public func publish(_ object: Published) { tell(object, except: nil) }

  private func tell(_ object: Published, except newcomer: Subscriber?) {
    let hearers = subscribers.values.filter { $0.isGreeted && $0 !== newcomer }
    guard tells, !hearers.isEmpty, let frame = frame(object) else { return }
    for subscriber in hearers { subscriber.send(frame, about: object.key) }
  }

  /// Something happened that a snapshot does not hold (an object is gone): tell everybody.
  /// - Parameters:
  ///   - key: the object that is no longer, if any.
  ///   - uid: the pod's, for the message's owner.
  public func announce(key: String?, uid: String?, _ message: some Encodable) {
    if let key { encoder.forget(key) }
    guard tells,
      let frame = encoder.frame(message, of: key ?? "a message", owner: uid.flatMap(owner))
    else { return }
    for subscriber in subscribers.values where subscriber.isGreeted {
      if let key { subscriber.forget(key) }
      subscriber.connection.send(frame)
    }
  }

  /// Whether ``objects`` is complete. While it is not, subscribers wait; when it ceases to
  /// be, they are disconnected, since what they own is no longer ours to give.
  public func setSynced(_ synced: Bool) {
    guard synced != isSynced else { return }
    isSynced = synced
    for subscriber in subscribers.values where subscriber.isGreeted {
      if tells {
        beginSnapshot(subscriber)
      } else {
        dismiss(subscriber, "\(hello.role.rawValue) has nothing to give now")
      }
    }
  }

  var tells: Bool { isSynced && clock.now < validUntil }

  /// Until when subscribers own what names them; 0 while there is nothing to own.
  private var ownership: ControlMessage.Ping {
    let until = tells ? min(clock.now + timing.ownership, validUntil) : 0
    return ControlMessage.Ping(ownsUntil: until, standsBy: standsBy ? true : nil)
  }

  /// The subscribers that share the work, or would if they were not left out; sorted.
  public var sharers: [String] { shares.all }

  /// Gives the share of these to the others, as long as there are others.
  public func leaveOut(_ instances: Set<String>) {
    changeOwners { $0.leftOut = instances }
  }

  /// The instance that is to act on a pod now.
  public func owner(of uid: String) -> String? {
    shares.owner(of: uid)
  }

  // MARK: Connections

  private func accept(_ connection: FrameConnection, _ peer: SocketListener.Peer) {
    lastNumber += 1
    let subscriber = Subscriber(connection, peer, number: lastNumber, now: clock.now)
    subscribers[subscriber.number] = subscriber
    connection.onFrame = { [weak self, weak subscriber] json in
      if let subscriber { self?.receive(json, from: subscriber) }
    }
    connection.onClose = { [weak self, weak subscriber] reason in
      if let subscriber { self?.closed(subscriber, reason) }
    }
    connection.onDrained = { [weak self, weak subscriber] in
      if let self, let subscriber, subscriber.isGreeted { sendSnapshot(subscriber) }
    }
    connection.start()
    send(hello, to: subscriber)
    let timer = clock.timer { [weak self, weak subscriber] in
      // On a busy loop the hello may be there, unread: libevent takes 32 events a turn at first.
      subscriber?.connection.read()
      guard let self, let subscriber, subscribers[subscriber.number] != nil,
        !subscriber.isGreeted
      else { return }
      greet(subscriber, ControlMessage.Hello(role: .observer, instance: subscriber.name))
    }
    timer.schedule(after: timing.hello)
    subscriber.helloTimer = timer
  }

  private func receive(_ octets: Data, from subscriber: Subscriber) {
    subscriber.lastHeard = clock.now
    guard let json = try? JSONDocument(octets), let type = json.type else {
      return dismiss(subscriber, "a message is not a JSON object with a type")
    }
    switch ControlMessage.Kind(rawValue: type) {
    case .hello:
      guard let hello = try? json.decode(ControlMessage.Hello.self) else {
        return dismiss(subscriber, "a hello needs protocol, role and instance")
      }
      guard hello.protocol == ControlMessage.protocolVersion else {
        return dismiss(
          subscriber,
          "protocol \(hello.protocol) is not \(ControlMessage.protocolVersion), which is spoken here"
        )
      }
      greet(subscriber, hello)
    case .pong:
      break
    case .synced, .ping, .goodbye, nil:
      guard subscriber.hello?.role == consumers, let onMessage else {
        if let type = unknownTypes.new(type) {
          log.warning("\(path): \(subscriber.name) may not send \(type), ignored")
        }
        return
      }
      Metric.receivedMessages.count()
      onMessage(subscriber.name, json)
    }
  }

  private func greet(_ subscriber: Subscriber, _ hello: ControlMessage.Hello) {
    subscriber.helloTimer = nil
    let isFirst = subscriber.hello == nil
    guard isFirst || subscriber.hello?.role == .observer else { return }
    for other in subscribers.values
    where other !== subscriber && hello.role == consumers && other.hello == hello {
      dismiss(other, "another process calls itself \(hello.instance)")
    }
    subscriber.hello = hello
    subscriber.lastHeard = clock.now
    log.debug("\(path): \(hello.role.rawValue) \(hello.instance) has connected")
    Metric.subscriberConnections.count(1, hello.role.rawValue)
    changeOwners(newcomer: subscriber)
    if tells, isFirst || hello.role == consumers { beginSnapshot(subscriber) }
  }

  private func closed(_ subscriber: Subscriber, _ reason: String?) {
    subscribers[subscriber.number] = nil
    if let reason {
      Metric.subscriberEnds.count()
      complaints.warn(
        "\(path): \(subscriber.name): \(reason)", cause: "user \(subscriber.peer.user)")
    } else if subscriber.hello?.role == consumers {
      log.debug("\(path): \(subscriber.name) has disconnected")
    }
    changeOwners()
  }

  private func dismiss(_ subscriber: Subscriber, _ reason: String) {
    Metric.subscriberEnds.count()
    complaints.warn(
      "\(path): closing the connection of \(subscriber.name): \(reason)",
      cause: "user \(subscriber.peer.user)")
    send(ControlMessage.Goodbye(reason: reason), to: subscriber)
    subscribers[subscriber.number] = nil
    let connection = subscriber.connection
    connection.onFrame = nil
    connection.onDrained = nil
    // A peer that never reads must not keep the descriptor: it gets a second to do so.
    let timer = clock.timer { connection.close(nil) }
    timer.schedule(after: 1)
    connection.onClose = { _ in timer.suspend() }
    connection.finish()
    changeOwners()
  }

  private func ping() {
    pingTimer?.schedule(after: timing.ping)
    let now = clock.now
    for subscriber in subscribers.values where subscriber.hello?.role == consumers {
      if now - subscriber.lastHeard > timing.silence {
        dismiss(subscriber, "silent for \(Int(now - subscriber.lastHeard)) s")
      } else {
        // Without anything to own, it keeps the silence short.
        send(ownership, to: subscriber)
      }
    }
  }

  // MARK: Objects

  private func beginSnapshot(_ subscriber: Subscriber) {
    subscriber.begin(objects())
    if subscriber.hello?.role == consumers {
      send(ownership, to: subscriber)
    }
    sendSnapshot(subscriber)
  }

  private func sendSnapshot(_ subscriber: Subscriber) {
    guard tells else { return }
    while subscriber.connection.queued < Subscriber.snapshotQueue,
      let object = subscriber.next()
    {
      if let frame = frame(object) { subscriber.connection.send(frame) }
    }
    if subscriber.endSnapshot() {
      send(ControlMessage.Synced(), to: subscriber)
    }
  }

  private func changeOwners(newcomer: Subscriber? = nil) {
    let all = subscribers.values.compactMap {
      $0.hello?.role == consumers ? $0.hello?.instance : nil
    }
    changeOwners(newcomer: newcomer) { $0.all = all.sorted() }
  }

  /// Shares the work anew, and tells what has changed hands.
  /// - Parameter newcomer: a subscriber whose snapshot, which follows, says it to it.
  private func changeOwners(newcomer: Subscriber? = nil, _ change: (inout Shares) -> Void) {
    let before = shares
    change(&shares)
    guard shares.owners != before.owners, tells else { return }
    for object in objects() {
      guard let uid = object.uid, before.owner(of: uid) != shares.owner(of: uid) else { continue }
      tell(object, except: newcomer)
    }
  }

  private func frame(_ object: Published) -> Data? {
    encoder.frame(object, owner: object.uid.flatMap(owner))
  }

  private func send(_ message: some Encodable, to subscriber: Subscriber) {
    guard let frame = encoder.frame(message, of: "a control message") else { return }
    subscriber.connection.send(frame)
  }
}
