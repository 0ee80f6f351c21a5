import FoundationEssentials

@testable import Runtime
@testable import Wire

/// The other end of a socket, played by a test: what it says is up to the test, and all that
/// it hears is kept.
@EventLoop
final class Peer {
  /// One thing heard.
  enum Event {
    case message(Message)
    /// The connection has ended; with a reason when it was not the other side that closed it.
    case closed(String?)
  }

  /// A message of any type, as far as tests look at it.
  struct Message: Decodable {
    var type: String
    var `protocol`: Int?
    var role: Role?
    var instance: String?
    var owner: String?
    var reason: String?
    var ownsUntil: Double?
    /// In the objects that tests publish.
    var name: String?
    var value: Int?
    /// In outcomes.
    var id: Int?
    var result: String?
    var message: String?
  }

  let heard = Heard<Event>()
  private let connection: FrameConnection
  private var counts: [String: Int] = [:]
  private(set) var isClosed = false

  /// Connects to a socket.
  convenience init(path: String) throws {
    self.init(descriptor: try UnixSocket.connect(path: path))
  }

  /// Takes over a connected socket.
  init(descriptor: Int32) {
    connection = FrameConnection(descriptor: descriptor, clock: SystemClock())
    connection.onFrame = { [unowned self] json in
      do {
        let message = try JSONDecoder().decode(Message.self, from: json)
        counts[message.type, default: 0] += 1
        heard.add(.message(message))
      } catch {
        connection.close("\(String(decoding: json, as: UTF8.self)) is no message")
      }
    }
    connection.onClose = { [unowned self] reason in
      isClosed = true
      heard.add(.closed(reason))
    }
    connection.start()
  }

  /// Connects and says hello.
  static func greeting(_ path: String, _ role: Role, _ instance: String) throws -> Peer {
    let peer = try Peer(path: path)
    try peer.say(ControlMessage.Hello(role: role, instance: instance))
    return peer
  }

  func say(_ message: some Encodable) throws {
    connection.send(Frame.encode(try JSONEncoder().encode(message)))
  }

  /// Sends octets as they are.
  func send(_ text: String) {
    connection.send(Data(text.utf8))
  }

  func close() {
    connection.close(nil)
  }

  var messages: [Message] {
    heard.items.compactMap { if case .message(let message) = $0 { message } else { nil } }
  }

  /// All messages but pings, which come when they come.
  var types: [String] { messages.map(\.type).filter { $0 != "ping" } }

  /// The objects that tests publish.
  var objects: [Message] { messages.filter { $0.type == "object" } }

  /// Waits for so many messages of a type in all.
  func hears(_ type: String, times: Int = 1) async throws {
    try await heard.wait(for: "\(times) times \(type)") { [unowned self] _ in
      counts[type, default: 0] >= times
    }
  }

  func hearsTheEnd() async throws {
    try await heard.wait(for: "the end of the connection") { [unowned self] _ in isClosed }
  }
}
