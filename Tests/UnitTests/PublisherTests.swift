import FoundationEssentials
import Glibc
import Testing

@testable import Messages
@testable import Runtime
@testable import Wire

/// DESIGN.md, "The wire": list-then-watch, ownership, who may connect, what ends a connection.
@Suite(.runningLoop, .timeLimit(.minutes(3)))
struct PublisherTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/a.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  // MARK: Snapshot and changes

  @Test @EventLoop func aSubscriberHearsHelloThenAllThenSyncedThenChanges() async throws {
    let shelf = try Shelf(path, objects: 100)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    #expect(binder.types == ["hello"] + Array(repeating: "object", count: 100) + ["synced"])
    let hello = try #require(binder.messages.first)
    #expect(hello.protocol == 1 && hello.role == .pbsBroker && hello.instance == "broker-1")
    #expect(Set(binder.objects.compactMap(\.name)) == Set(shelf.values.keys))

    shelf.put("uid-5", 500)
    shelf.put("uid-new", 1)
    shelf.take("uid-6")
    try await binder.hears("object-gone")
    #expect(binder.objects.suffix(2).map(\.name) == ["uid-5", "uid-new"])
    #expect(binder.objects.suffix(2).map(\.value) == [500, 1])
    #expect(binder.messages.last { $0.type == "object-gone" }?.owner == "binder-1")
    withExtendedLifetime(shelf) {}
  }

  /// A large snapshot goes out in parts; what changes meanwhile is told once, with its newest
  /// value, and what is gone is not told after its end.
  @Test @EventLoop func changesDuringASnapshotAreNotOverwrittenByIt() async throws {
    let shelf = try Shelf(path, objects: 30_000)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("object")
    let told = Set(binder.objects.compactMap(\.name))
    let late = Array(shelf.values.keys.filter { !told.contains($0) }.prefix(200))
    try #require(late.count == 200, "the snapshot was not told in parts")
    for uid in late.prefix(100) { shelf.put(uid, -1) }
    for uid in late.suffix(100) { shelf.take(uid) }
    try await binder.hears("synced")
    var last: [String: Int] = [:]
    for message in binder.messages {
      guard let name = message.name else { continue }
      last[name] = message.type == "object-gone" ? nil : message.value
    }
    #expect(last == shelf.values)
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func nothingIsToldBeforeItIsComplete() async throws {
    let shelf = try Shelf(path, objects: 3, synced: false)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    shelf.put("uid-9", 9)
    try await binder.hears("ping")
    #expect(binder.types == ["hello"])
    #expect(binder.messages.last?.ownsUntil == 0)
    shelf.publisher.setSynced(true)
    try await binder.hears("synced")
    #expect(binder.objects.count == 4)
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func whenItIsNoLongerCompleteSubscribersAreSentAway() async throws {
    let shelf = try Shelf(path, objects: 3)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    shelf.publisher.setSynced(false)
    try await binder.hearsTheEnd()
    #expect(binder.messages.last?.reason == "pbs-broker has nothing to give now")
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func aSubscriberOwnsForAFewSeconds() async throws {
    let shelf = try Shelf(path)
    let before = SystemClock().now
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("ping")
    let until = try #require(binder.messages.last { $0.type == "ping" }?.ownsUntil)
    #expect(
      until >= before + PublisherTiming().ownership
        && until <= SystemClock().now + PublisherTiming().ownership)
    // Two never believe to own the same pod.
    #expect(PublisherTiming().ownership < PublisherTiming().silence)
    withExtendedLifetime(shelf) {}
  }

  // MARK: Observers

  @Test @EventLoop func whoSaysNothingIsAnObserverAfterAMoment() async throws {
    let shelf = try Shelf(path, objects: 3)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    let before = SystemClock().now
    let observer = try Peer(path: path)
    try await observer.hears("synced")
    // libevent's clock is a coarse one, and may be some milliseconds behind.
    #expect(SystemClock().now - before >= PublisherTiming().hello - 0.02)
    #expect(observer.types == ["hello", "object", "object", "object", "synced"])
    #expect(observer.objects.allSatisfy { $0.owner == "binder-1" })

    shelf.put("uid-9", 9)
    try await observer.hears("object", times: 4)
    #expect(observer.objects.last?.owner == "binder-1")
    #expect(!observer.messages.contains { $0.type == "ping" })
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func whoSaysObserverNeedNotWait() async throws {
    let shelf = try Shelf(path, objects: 3)
    let observer = try Peer.greeting(path, .observer, "dashboard")
    try await observer.hears("synced")
    #expect(observer.types == ["hello", "object", "object", "object", "synced"])
    #expect(observer.objects.allSatisfy { $0.owner == nil })
    #expect(shelf.publisher.owner(of: "uid-1") == nil)
  }

  /// A process that was stopped between connecting and its hello, say. To who has heard all, a
  /// second `synced` would say that all is gone.
  @Test @EventLoop func whoSaysHelloLateBecomesASubscriberAndHearsSyncedOnce() async throws {
    let shelf = try Shelf(path, objects: 3)
    let binder = try Peer(path: path)
    try await binder.hears("synced")
    #expect(!binder.messages.contains { $0.type == "ping" })
    try binder.say(ControlMessage.Hello(role: .binder, instance: "binder-1"))
    try await binder.hears("object", times: 6)
    #expect(binder.objects.suffix(3).allSatisfy { $0.owner == "binder-1" })
    #expect(binder.messages.contains { $0.type == "ping" })
    shelf.put("uid-new", 1)
    try await binder.hears("object", times: 7)
    #expect(
      binder.types == ["hello", "object", "object", "object", "synced"]
        + Array(repeating: "object", count: 4))
  }

  // MARK: Shares

  @Test @EventLoop func whenASubscriberLeavesItsShareMoves() async throws {
    let shelf = try Shelf(path, objects: 100)
    let first = try Peer.greeting(path, .binder, "binder-1")
    try await first.hears("synced")
    #expect(first.objects.allSatisfy { $0.owner == "binder-1" })
    let second = try Peer.greeting(path, .binder, "binder-2")
    try await second.hears("synced")

    let share = shelf.values.keys.filter { shelf.publisher.owner(of: $0) == "binder-2" }
    #expect(share.count > 20 && share.count < 80)
    #expect(
      share.allSatisfy { Rendezvous.owner(of: $0, among: ["binder-1", "binder-2"]) == "binder-2" })
    // The first is told what it no longer owns, and only that.
    try await first.hears("object", times: 100 + share.count)
    let told = first.objects.suffix(share.count)
    #expect(Set(told.compactMap(\.name)) == Set(share))
    #expect(told.allSatisfy { $0.owner == "binder-2" })
    #expect(Set(second.objects.filter { $0.owner == "binder-2" }.compactMap(\.name)) == Set(share))

    second.close()
    try await first.hears("object", times: 100 + 2 * share.count)
    let back = first.objects.suffix(share.count)
    #expect(Set(back.compactMap(\.name)) == Set(share))
    #expect(back.allSatisfy { $0.owner == "binder-1" })

    // The same share comes back when it returns.
    let again = try Peer.greeting(path, .binder, "binder-2")
    try await again.hears("synced")
    #expect(Set(again.objects.filter { $0.owner == "binder-2" }.compactMap(\.name)) == Set(share))
  }

  /// A process that is stopped keeps its connection; its share moves all the same.
  @Test @EventLoop func aSubscriberThatIsSilentLosesItsShare() async throws {
    let shelf = try Shelf(path, objects: 3)
    let begun = SystemClock().now
    let silent = try Peer.greeting(path, .binder, "binder-1")
    try await silent.hearsTheEnd()
    #expect(SystemClock().now - begun >= PublisherTiming().silence)
    #expect(silent.messages.last?.reason?.hasPrefix("silent for ") == true)
    #expect(shelf.publisher.owner(of: "uid-1") == nil)
  }

  @Test @EventLoop func ofTwoWithOneNameTheNewerStays() async throws {
    let shelf = try Shelf(path, objects: 3)
    let first = try Peer.greeting(path, .binder, "binder-1")
    try await first.hears("synced")
    let second = try Peer.greeting(path, .binder, "binder-1")
    try await first.hearsTheEnd()
    #expect(first.messages.last?.reason == "another process calls itself binder-1")
    try await second.hears("synced")
    #expect(!second.isClosed)
    #expect(shelf.publisher.owner(of: "uid-1") == "binder-1")
  }

  // MARK: Answers

  @Test @EventLoop func onlyAConsumersAnswersAreHeard() async throws {
    let shelf = try Shelf(path)
    let observer = try Peer.greeting(path, .observer, "dashboard")
    try await observer.hears("synced")
    for _ in 0..<2 { try observer.say(BinderMessage.unknown(type: "outcome")) }
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try binder.say(BinderMessage.unknown(type: "outcome"))
    try await shelf.answers.wait(for: "the binder's answer") { !$0.isEmpty }
    #expect(shelf.answers.items.map(\.instance) == ["binder-1"])
    #expect(shelf.answers.items.map(\.json) == [#"{"type":"outcome"}"#])
    // Once, not for each.
    #expect(
      shelf.log.all.filter { $0.hasSuffix("dashboard may not send outcome, ignored") }.count == 1)
    #expect(!observer.isClosed)
  }

  // MARK: What ends a connection

  /// What a peer sends, and why it is sent away.
  @Test(arguments: [
    (
      #"{"type":"hello","protocol":2,"role":"binder","instance":"b"}"#,
      "protocol 2 is not 1, which is spoken here"
    ),
    (
      #"{"type":"hello","protocol":1,"role":"binder"}"#, "a hello needs protocol, role and instance"
    ),
    (
      #"{"type":"hello","protocol":1,"role":"king","instance":"b"}"#,
      "a hello needs protocol, role and instance"
    ),
    ("[1]", "a message is not a JSON object with a type"),
    ("{}", "a message is not a JSON object with a type"),
    (#"{"type":7}"#, "a message is not a JSON object with a type"),
    (#"{"type":"hello""#, "a message is not a JSON object with a type"),
    ("", "a message is not a JSON object with a type"),
  ])
  @EventLoop func toldWhyAndDropped(_ json: String, _ reason: String) async throws {
    let shelf = try Shelf(path, objects: 3)
    let other = try Peer.greeting(path, .binder, "binder-1")
    try await other.hears("synced")
    let peer = try Peer(path: path)
    peer.send("\(json.utf8.count + 1) \(json)\n")
    try await peer.hearsTheEnd()
    #expect(peer.types == ["hello", "goodbye"])
    #expect(peer.messages.last?.reason == reason)
    #expect(
      shelf.log.all.contains { $0.hasPrefix("warning: ") && $0.hasSuffix(": \(reason)") },
      "\(shelf.log.all)")
    #expect(!other.isClosed)
  }

  /// A malformed frame ends that one connection, and harms nobody else.
  @Test(arguments: ["-5 {}\n", "007 {}\n", "9999999999 ", "3 {}}", "GET / HTTP/1.1\r\n\r\n"])
  @EventLoop func aMalformedFrameEndsItsConnection(_ text: String) async throws {
    let shelf = try Shelf(path, objects: 3)
    let other = try Peer.greeting(path, .binder, "binder-1")
    let peer = try Peer(path: path)
    peer.send(text)
    try await peer.hearsTheEnd()
    #expect(
      shelf.log.all.contains { $0.hasPrefix("warning: \(path): process \(getpid()): ") },
      "\(shelf.log.all)")
    try await other.hears("synced")
    shelf.put("uid-9", 9)
    try await other.hears("object", times: 4)
    #expect(!other.isClosed)
  }

  /// A writer that is slower than any process still is an observer, and no trouble.
  @Test @EventLoop func halfAFrameHarmsNobody() async throws {
    let shelf = try Shelf(path, objects: 3)
    let peer = try Peer(path: path)
    peer.send("60 {\"type\":\"hel")
    try await peer.hears("synced")
    let other = try Peer.greeting(path, .binder, "binder-1")
    try await other.hears("synced")
    #expect(!peer.isClosed)
    withExtendedLifetime(shelf) {}
  }

  // MARK: The socket

  @Test @EventLoop func aStaleSocketFileIsReplaced() async throws {
    close(try UnixSocket.listen(path: path))
    let shelf = try Shelf(path, objects: 3)
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    #expect(binder.objects.count == 3)
    withExtendedLifetime(shelf) {}
  }

  @Test @EventLoop func aFileIsRefused() throws {
    try folder.write("a.sock", "precious")
    let error = #expect(throws: SocketError.self) { try Shelf(path) }
    #expect(error?.description == "\(path) exists and is not a socket")
  }

  @Test @EventLoop func aSocketInUseIsRefused() async throws {
    let shelf = try Shelf(path, objects: 3)
    let error = #expect(throws: SocketError.self) { try Shelf(path) }
    #expect(error?.description == "\(path) is in use by a live process")
    let binder = try Peer.greeting(path, .binder, "binder-1")
    try await binder.hears("synced")
    withExtendedLifetime(shelf) {}
  }

  // MARK: Who may connect

  /// User "nobody" of Debian.
  private static let nobody: UInt32 = 65534
  private static let canBeNobody =
    geteuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0 && access("/usr/bin/python3", X_OK) == 0

  /// Connects as user "nobody", after the socket's mode was opened to all, and returns what
  /// comes up to the end of the first frame.
  @EventLoop private func heardByNobody() async throws -> String {
    guard chmod(path, 0o666) == 0 else { throw POSIXFailure("chmod") }
    let client = """
      import socket, sys
      connection = socket.socket(socket.AF_UNIX)
      connection.settimeout(30)
      connection.connect(sys.argv[1])
      sys.stdout.buffer.write(connection.makefile('rb').readline())
      """
    let id = String(Self.nobody)
    let result = try await ChildProcess.run(
      "/usr/bin/setpriv",
      ["--reuid", id, "--regid", id, "--clear-groups", "/usr/bin/python3", "-c", client, path],
      environment: [:], timeout: 60, clock: SystemClock())
    // A connection that is closed at once may also be reset.
    #expect(result.status == 0 || result.words.contains("ConnectionResetError"), "\(result.words)")
    return String(decoding: result.standardOutput, as: UTF8.self)
  }

  @Test(
    .enabled(
      if: canBeNobody, "needs root, setpriv and /usr/bin/python3 to be another user"))
  @EventLoop func anotherUserMayNotConnect() async throws {
    let shelf = try Shelf(path, objects: 3)
    #expect(try await heardByNobody() == "")
    #expect(
      shelf.log.all.contains {
        $0.hasPrefix("warning: \(path): user 65534 (process ") && $0.hasSuffix("may not connect")
      },
      "\(shelf.log.all)")
  }

  @Test(
    .enabled(
      if: canBeNobody, "needs root, setpriv and /usr/bin/python3 to be another user"))
  @EventLoop func aUserOfTheConfigurationMay() async throws {
    let shelf = try Shelf(path, objects: 3, allowedPeers: [Self.nobody])
    #expect(try await heardByNobody().contains(#""type":"hello""#))
    #expect(!shelf.log.all.contains { $0.hasSuffix("may not connect") })
  }
}
