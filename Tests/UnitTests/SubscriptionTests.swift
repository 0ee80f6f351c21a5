import CLinux
import FoundationEssentials
import Glibc
import Testing

@testable import Messages
@testable import Runtime
@testable import Wire

@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct SubscriptionTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/a.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A subscription, and what it tells.
  @EventLoop private final class Reader {
    let subscription: Subscription
    let log = LogLines()
    let heard = Heard<String>()

    init(_ path: String, instance: String = "binder-1") {
      subscription = Subscription(
        path: path, role: .binder, instance: instance, clock: SystemClock(), log: log.logger)
      subscription.onConnected = { [heard] in heard.add("connected") }
      subscription.onSynced = { [heard] in heard.add("synced") }
      subscription.onConfirmed = { [heard] in heard.add("confirmed") }
      subscription.onDisconnected = { [heard] in heard.add("disconnected") }
      subscription.onMessage = { [heard] json in
        heard.add(String(decoding: json.text, as: UTF8.self))
      }
      subscription.start()
    }

    func hears(_ what: String, times: Int = 1) async throws {
      try await heard.wait(for: "\(times) times \(what)") { items in
        items.count { $0 == what } >= times
      }
    }
  }

  /// A server that says what the test wants.
  @EventLoop private final class Server {
    let peers = Heard<Peer>()
    private let descriptor: Int32
    private var source: EventSource?

    init(_ path: String) throws {
      descriptor = try UnixSocket.listen(path: path)
      source = EventSource.descriptor(descriptor, .read) { [descriptor, peers] _ in
        let accepted = connector_accept(descriptor)
        guard accepted >= 0 else { return }
        peers.add(Peer(descriptor: accepted))
      }
      source?.resume()
    }

    func stop() {
      source?.suspend()
      close(descriptor)
    }

    /// The connection of this number, counted from 1.
    func peer(_ number: Int) async throws -> Peer {
      try await peers.wait(for: "connection \(number)") { $0.count >= number }
      return peers.items[number - 1]
    }

    func greet(_ peer: Peer) throws {
      try peer.say(ControlMessage.Hello(role: .pbsBroker, instance: "broker-1"))
    }
  }

  @Test @EventLoop func hearsAllAndOwnsItsShare() async throws {
    let shelf = try Shelf(path, objects: 3)
    let reader = Reader(path)
    #expect(reader.heard.items == ["connected"])
    #expect(!reader.subscription.ownsItsShare)
    try await reader.hears("synced")
    #expect(reader.subscription.ownsItsShare)
    let messages = reader.heard.items.filter { $0.hasPrefix("{") }
    #expect(messages.count == 3)
    #expect(messages.allSatisfy { $0.hasPrefix(#"{"owner":"binder-1","#) })
    try await reader.hears("confirmed", times: 2)
    #expect(reader.log.all.isEmpty)
    withExtendedLifetime(shelf) {}
  }

  /// What has come since the first is not absent because a second one does not follow it.
  @Test @EventLoop func onlyTheFirstSyncedOfAConnectionCounts() async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try server.greet(peer)
    try peer.say(ControlMessage.Synced())
    try peer.say(ControlMessage.Synced())
    try peer.say(BinderMessage.unknown(type: "last"))
    try await reader.hears(#"{"type":"last"}"#)
    #expect(reader.heard.items == ["connected", "synced", #"{"type":"last"}"#])
    #expect(reader.log.all.count == 1)
    peer.close()
    let next = try await server.peer(2)
    try server.greet(next)
    try next.say(ControlMessage.Synced())
    try await reader.hears("synced", times: 2)
  }

  @Test @EventLoop func itsMessagesArrive() async throws {
    let shelf = try Shelf(path)
    let reader = Reader(path)
    try await reader.hears("synced")
    reader.subscription.send(BinderMessage.unknown(type: "outcome"))
    try await shelf.answers.wait(for: "the message") { !$0.isEmpty }
    #expect(shelf.answers.items[0].instance == "binder-1")
    #expect(shelf.answers.items[0].json == #"{"type":"outcome"}"#)
  }

  /// Pongs keep it alive for longer than a silent subscriber may stay.
  @Test @EventLoop func answersPings() async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try await peer.hears("hello")
    #expect(peer.messages.first?.role == .binder && peer.messages.first?.instance == "binder-1")
    try server.greet(peer)
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + 60))
    try await peer.hears("pong")
    #expect(reader.subscription.ownsItsShare)
    // What has passed is no longer owned, and nothing is confirmed.
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now - 1))
    try await peer.hears("pong", times: 2)
    #expect(!reader.subscription.ownsItsShare)
    #expect(reader.heard.items == ["connected", "confirmed"])
  }

  @Test @EventLoop func comesBackWhenTheServerDoes() async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try server.greet(peer)
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + 60))
    try await reader.hears("confirmed")
    server.stop()
    peer.close()
    try await reader.hears("disconnected")
    #expect(!reader.subscription.ownsItsShare)

    let shelf = try Shelf(path, objects: 1)
    try await reader.hears("synced")
    #expect(
      reader.heard.items.prefix(4) == ["connected", "confirmed", "disconnected", "connected"])
    #expect(
      reader.log.all == [
        "warning: \(path): disconnected; connecting again", "notice: \(path): connected",
      ])
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func waitsForAServerThatIsNotThereYet() async throws {
    let reader = Reader(path)
    #expect(reader.heard.items.isEmpty)
    let shelf = try Shelf(path, objects: 1)
    try await reader.hears("synced")
    #expect(
      reader.log.all == [
        "warning: cannot connect to \(path): No such file or directory; trying again until it works",
        "notice: \(path): connected",
      ])
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func sendingWithoutAServerIsNothing() {
    let reader = Reader(path)
    reader.subscription.send(ControlMessage.Pong())
    #expect(!reader.subscription.ownsItsShare)
  }

  /// What a server says, and the line in the log.
  @Test(arguments: [
    (
      #"{"type":"hello","protocol":2,"role":"pbs-broker","instance":"b"}"#,
      "speaks another protocol than 1"
    ),
    (#"{"type":"hello"}"#, "speaks another protocol than 1"),
    (#"{"type":"goodbye","reason":"protocol 1 is not 2"}"#, "protocol 1 is not 2"),
    (#"{"type":"goodbye"}"#, "said goodbye"),
    ("[]", "a message is not a JSON object with a type"),
  ])
  @EventLoop func leavesAndComesBack(_ json: String, _ reason: String) async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    peer.send("\(json.utf8.count + 1) \(json)\n")
    try await peer.hearsTheEnd()
    try await server.peer(2).hears("hello")
    #expect(reader.log.all.last == "warning: \(path): \(reason); connecting again")
    #expect(reader.log.all.dropLast().allSatisfy { $0.contains("cannot be read") })
    #expect(reader.heard.items == ["connected", "disconnected", "connected"])
  }

  @Test @EventLoop func aPingThatCannotBeReadIsSaidOnce() async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try server.greet(peer)
    for ping in [#"{"type":"ping"}"#, #"{"type":"ping","ownsUntil":"soon"}"#] {
      peer.send("\(ping.utf8.count + 1) \(ping)\n")
    }
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + 60))
    try await reader.hears("confirmed")
    #expect(peer.types.filter { $0 == "pong" }.count <= 1)
    #expect(reader.log.all.count == 1)
    #expect(reader.log.all[0].hasPrefix("warning: \(path): a ping cannot be read: "))
  }

  @Test @EventLoop func aMessageOfAnUnknownTypeIsHandedOn() async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try server.greet(peer)
    try peer.say(BinderMessage.unknown(type: "weather"))
    try await reader.hears(#"{"type":"weather"}"#)
    #expect(!peer.isClosed)
  }

  /// As from a container whose monotonic clock is not the host's.
  @Test(arguments: [1000.0, 1e12]) @EventLoop func aPingOfAnotherClockGivesNothing(
    _ seconds: Double
  ) async throws {
    let server = try Server(path)
    let reader = Reader(path)
    let peer = try await server.peer(1)
    try server.greet(peer)
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + seconds))
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + seconds))
    try await peer.hears("pong", times: 2)
    #expect(!reader.subscription.ownsItsShare)
    #expect(reader.log.all.count { $0.contains("its CLOCK_BOOTTIME is another one") } == 1)
    try peer.say(ControlMessage.Ping(ownsUntil: SystemClock().now + 60))
    try await reader.hears("confirmed")
    #expect(reader.subscription.ownsItsShare)
  }
}
