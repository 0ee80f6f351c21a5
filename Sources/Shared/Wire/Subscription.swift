import ConnectorMetrics
import FoundationEssentials
import Glibc
import Logging
import Runtime
import Text

/// The client side of a socket: connects, says hello, hears everything, and comes back
/// after a while when the connection ends.
@EventLoop
public final class Subscription {
  /// Seconds after which a connection counts as one that lasts; those of a server that sends us
  /// away at once are tried seldom.
  private static let lasting = 5.0

  /// Seconds in which a server's frame must be whole. Longer than a client's: a snapshot comes as
  /// fast as we read it, and servers are trusted more.
  private static let frameTime = 60.0
  /// Seconds from now until which a server can say that a share is ours; it says 4.
  private static let longestOwnership = 120.0

  private enum Trouble: Hashable {
    case away
    case denied
    case otherClock
    case served(by: uid_t?)
  }

  private let path: String
  private let hello: ControlMessage.Hello
  private let allowedServers: AllowedUsers
  private let clock: any Clock
  private let log: Logger
  private var connection: FrameConnection?
  private var backoff: Backoff
  private var retryTimer: (any Timer)?
  /// Kinds of trouble that were logged since the last connection that worked: each once.
  private var complaints: Set<Trouble> = []
  private var connectedAt = 0.0
  private var isSynced = false
  private var ownsUntil = 0.0
  /// Types of control messages of this connection that could not be read, and were said to be so.
  private var unreadable: Set<String> = []

  /// Gets every message but the control messages.
  public var onMessage: (@EventLoop (JSONDocument) -> Void)?
  /// Everything known at the moment of connecting has been told.
  public var onSynced: (@EventLoop () -> Void)?
  /// The server has confirmed what we own.
  public var onConfirmed: (@EventLoop () -> Void)?
  /// The connection began: all that was heard before counts no longer.
  public var onConnected: (@EventLoop () -> Void)?
  /// The connection has ended.
  public var onDisconnected: (@EventLoop () -> Void)?

  /// - Parameter allowedServers: users who may serve the socket besides root and our own. To what
  ///   anybody else serves, nothing is said, and nothing that it says is heard.
  public init(
    path: String, role: Role, instance: String, allowedServers: [uid_t] = [], clock: any Clock,
    log: Logger
  ) {
    self.path = path
    self.clock = clock
    backoff = Backoff(first: 0.1, longest: 2, jitter: clock.jitter())
    self.allowedServers = AllowedUsers(allowedServers)
    hello = ControlMessage.Hello(role: role, instance: instance)
    self.log = log
    retryTimer = clock.timer { [weak self] in self?.connect() }
  }

  /// Whether what names this instance is still its to act on. It is not when the server
  /// has been silent for some seconds, or this process was stopped meanwhile: then another
  /// instance may have taken over.
  public var ownsItsShare: Bool { connection != nil && clock.now < ownsUntil }

  /// Whether there is a connection over which all has been told.
  public var isConnected: Bool { connection != nil && isSynced }

  /// Whether the server has said that it stands by: until it says otherwise, it tells nothing.
  public private(set) var serverStandsBy = false

  /// Begins to connect.
  public func start() {
    connect()
  }

  /// Sends a message, when connected; what cannot be sent is lost, since the snapshot of
  /// the next connection says again what needs an answer.
  public func send(_ message: some Encodable) {
    guard let connection else { return }
    do {
      let json = try JSONEncoder().encode(message)
      guard Frame.fits(json, limit: Frame.clientLimit) else {
        log.error("\(path): a message of \(json.count) octets is over the limit, and not sent")
        return
      }
      connection.send(Frame.encode(json))
    } catch {
      log.error("\(path): a message cannot be encoded: \(error)")
    }
  }

  /// Whether what comes is read: not while a simulated process is stopped.
  package func setReading(_ reads: Bool) { connection?.setReading(reads) }

  /// Ends as with this process: nobody here is told.
  package func abandon() {
    retryTimer = nil
    connection?.abandon()
    connection = nil
  }

  private func connect() {
    let descriptor: Int32
    do throws(SocketError) {
      descriptor = try UnixSocket.connect(path: path)
    } catch {
      let trouble = error.isDenied ? Trouble.denied : .away
      complain(trouble, "\(error.description); trying again until it works")
      return retry()
    }
    guard isServedByAllowed(descriptor) else {
      Glibc.close(descriptor)
      return retry()
    }
    let connection = FrameConnection(
      descriptor: descriptor, limits: FrameConnection.Limits(frameTime: Self.frameTime),
      clock: clock)
    self.connection = connection
    connectedAt = clock.now
    ownsUntil = 0
    serverStandsBy = false
    isSynced = false
    unreadable = []
    connection.onFrame = { [weak self] json in self?.receive(json) }
    connection.onClose = { [weak self] reason in self?.closed(reason) }
    connection.start()
    Metric.subscriptionConnects.count()
    send(hello)
    onConnected?()
  }

  /// Whether the process at the other end is one to be talked to.
  private func isServedByAllowed(_ descriptor: Int32) -> Bool {
    let server = UnixSocket.peer(descriptor)
    if let server, allowedServers.contains(server.uid) { return true }
    let who = server.map { "user \($0.uid) (process \($0.pid))" } ?? "a process that cannot be told"
    let why = "is served by \(who), who is not in allowed-servers"
    complain(.served(by: server?.uid), "\(path): \(why); trying again until it is another")
    return false
  }

  private func retry() {
    Metric.subscriptionFailures.count()
    retryTimer?.schedule(after: backoff.delay())
  }

  private func complain(_ trouble: Trouble, _ text: String) {
    if complaints.insert(trouble).inserted { log.warning("\(text)") }
  }

  private func receive(_ octets: Data) {
    guard let json = try? JSONDocument(octets), let type = json.type else {
      connection?.close("a message is not a JSON object with a type")
      return
    }
    switch ControlMessage.Kind(rawValue: type) {
    case .hello:
      guard let hello = read(ControlMessage.Hello.self, type, json),
        hello.protocol == ControlMessage.protocolVersion
      else {
        connection?.close("speaks another protocol than \(ControlMessage.protocolVersion)")
        return
      }
      if !complaints.isEmpty { log.notice("\(path): connected") }
      complaints = []
    case .ping:
      if let ping = read(ControlMessage.Ping.self, type, json) {
        ownsUntil = believable(ping.ownsUntil)
        serverStandsBy = ping.standsBy == true
        send(ControlMessage.Pong())
        if ownsItsShare { onConfirmed?() }
      }
    case .synced:
      // Only the first one is about a snapshot that began with the connection.
      guard !isSynced else { return log.warning("\(path): said synced again, ignored") }
      isSynced = true
      onSynced?()
    case .goodbye:
      let reason = read(ControlMessage.Goodbye.self, type, json)?.reason
      connection?.close(reason ?? "said goodbye")
    case .pong, nil:
      onMessage?(json)
    }
  }

  /// A moment on the clock that server and subscriber share; 0 for one so far away that they do not
  /// (a container with a clock of its own): then nobody would know when a share has moved.
  private func believable(_ moment: Double) -> Double {
    let seconds = moment - clock.now
    guard seconds > Self.longestOwnership else { return moment }
    complain(
      .otherClock,
      "\(path): says what is ours for \(String(rounded: seconds)) s from now: its CLOCK_BOOTTIME is another one; nothing is done"
    )
    return 0
  }

  /// A control message; nil where it cannot be read, which is logged once for each type.
  private func read<Message: Decodable>(
    _: Message.Type, _ type: String, _ json: JSONDocument
  ) -> Message? {
    do {
      return try json.decode(Message.self)
    } catch {
      if unreadable.insert(type).inserted {
        log.warning("\(path): a \(type) cannot be read: \(error)")
      }
      return nil
    }
  }

  private func closed(_ reason: String?) {
    connection = nil
    ownsUntil = 0
    serverStandsBy = false
    complain(.away, "\(path): \(reason ?? "disconnected"); connecting again")
    onDisconnected?()
    if clock.now - connectedAt > Self.lasting { backoff.reset() }
    retry()
  }
}
