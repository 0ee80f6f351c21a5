import FoundationEssentials
import Logging

/// The client side of a socket: connects, says hello, hears everything, and comes back
/// after a while when the connection ends.
@EventLoop
public final class Subscription {
  private let path: String
  private let hello: ControlMessage.Hello
  private let log: Logger
  private var connection: FrameConnection?
  private var backoff = Backoff(first: 0.1, longest: 2)
  private var retryTimer: EventSource?
  private var isComplaining = false
  private var isSynced = false
  private var ownsUntil = 0.0
  /// Types of control messages of this connection that could not be read, and were said to be so.
  private var unreadable: Set<String> = []

  /// Gets every message but the control messages: its type and its JSON.
  public var onMessage: (@EventLoop (Data) -> Void)?
  /// Everything known at the moment of connecting has been told.
  public var onSynced: (@EventLoop () -> Void)?
  /// The server has confirmed what we own.
  public var onConfirmed: (@EventLoop () -> Void)?
  /// The connection began: all that was heard before counts no longer.
  public var onConnected: (@EventLoop () -> Void)?
  /// The connection has ended.
  public var onDisconnected: (@EventLoop () -> Void)?

  public init(path: String, role: Role, instance: String, log: Logger) {
    self.path = path
    hello = ControlMessage.Hello(role: role, instance: instance)
    self.log = log
    retryTimer = EventSource.timer { [weak self] in self?.connect() }
  }

  /// Whether what names this instance is still its to act on. It is not when the server
  /// has been silent for some seconds, or this process was stopped meanwhile: then another
  /// instance may have taken over.
  public var ownsItsShare: Bool { connection != nil && Monotonic.now < ownsUntil }

  /// Begins to connect.
  public func start() {
    connect()
  }

  /// Sends a message, when connected; what cannot be sent is lost, since the snapshot of
  /// the next connection says again what needs an answer.
  public func send(_ message: some Encodable) {
    guard let connection else { return }
    do {
      connection.send(Frame.encode(try JSONEncoder().encode(message)))
    } catch {
      log.error("\(path): a message cannot be encoded: \(error)")
    }
  }

  private func connect() {
    let descriptor: Int32
    do throws(SocketError) {
      descriptor = try UnixSocket.connect(path: path)
    } catch {
      if !isComplaining {
        log.warning("\(error.description); trying again until it works")
        isComplaining = true
      }
      retryTimer?.schedule(after: backoff.delay())
      return
    }
    let connection = FrameConnection(descriptor: descriptor)
    self.connection = connection
    ownsUntil = 0
    isSynced = false
    unreadable = []
    connection.onFrame = { [weak self] json in self?.receive(json) }
    connection.onClose = { [weak self] reason in self?.closed(reason) }
    connection.start()
    send(hello)
    onConnected?()
  }

  private func receive(_ json: Data) {
    let type: String
    do {
      type = try JSONDecoder().decode(ControlMessage.Envelope.self, from: json).type
    } catch {
      connection?.close("a message is not a JSON object with a type")
      return
    }
    switch type {
    case "hello":
      guard let hello = read(ControlMessage.Hello.self, type, json),
        hello.protocol == ControlMessage.protocolVersion
      else {
        connection?.close("speaks another protocol than \(ControlMessage.protocolVersion)")
        return
      }
      if isComplaining {
        log.notice("\(path): connected")
        isComplaining = false
      }
      backoff.reset()
    case "ping":
      if let ping = read(ControlMessage.Ping.self, type, json) {
        ownsUntil = ping.ownsUntil
        send(ControlMessage.Pong())
        if ownsItsShare { onConfirmed?() }
      }
    case "synced":
      // Only the first one is about a snapshot that began with the connection.
      guard !isSynced else { return log.warning("\(path): said synced again, ignored") }
      isSynced = true
      onSynced?()
    case "goodbye":
      let reason = read(ControlMessage.Goodbye.self, type, json)?.reason
      connection?.close(reason ?? "said goodbye")
    default:
      onMessage?(json)
    }
  }

  /// A control message; nil where it cannot be read, which is logged once for each type.
  private func read<Message: Decodable>(_: Message.Type, _ type: String, _ json: Data) -> Message? {
    do {
      return try JSONDecoder().decode(Message.self, from: json)
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
    if !isComplaining {
      log.warning("\(path): \(reason ?? "disconnected"); connecting again")
      isComplaining = true
    }
    onDisconnected?()
    retryTimer?.schedule(after: backoff.delay())
  }
}
