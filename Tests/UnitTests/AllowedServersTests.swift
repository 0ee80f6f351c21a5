import FoundationEssentials
import Glibc
import Testing

@testable import Messages
@testable import Runtime
@testable import Startup
@testable import Wire

/// Who may serve a socket, and what of a client's own messages it gets.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct AllowedServersTests {
  /// User "nobody" of Debian.
  private static let nobody: UInt32 = 65534

  @Test func rootAndOurOwnUserMayAlwaysServe() {
    let users = AllowedUsers([Self.nobody])
    #expect([0, geteuid(), Self.nobody].allSatisfy(users.contains))
    #expect(!AllowedUsers([]).contains(Self.nobody))
  }

  @Test func withoutAKeyThePackagedUserMayServe() throws {
    let names: [String]? = nil
    let key = "binder.allowed-servers"
    #expect(try Process.serverIDs(names, key: key, packaged: "nobody") == [Self.nobody])
    #expect(try Process.serverIDs(names, key: key, packaged: "no-such-user").isEmpty)
    // The key stands in place of the packaged user, an empty list included.
    #expect(try Process.serverIDs([], key: key, packaged: "nobody").isEmpty)
    #expect(try Process.serverIDs(["daemon"], key: key, packaged: "nobody") == [1])
    let error = #expect(throws: StartupError.self) {
      try Process.serverIDs(["no-such-user"], key: key, packaged: "nobody")
    }
    #expect(error.map { "\($0)" } == "binder.allowed-servers: there is no user no-such-user")
  }

  @Test @EventLoop func aMessageThatIsTooLargeForTheServerIsNotSent() async throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.sock"
    let shelf = try Shelf(path)
    let log = LogLines()
    let subscription = Subscription(
      path: path, role: .binder, instance: "binder-1", clock: SystemClock(), log: log.logger)
    let synced = Heard<Void>()
    subscription.onSynced = { synced.add(()) }
    subscription.start()
    try await synced.wait(for: "synced") { !$0.isEmpty }
    subscription.send(
      BinderMessage.unknown(type: String(repeating: "x", count: Frame.clientLimit)))
    subscription.send(BinderMessage.unknown(type: "small"))
    try await shelf.answers.wait(for: "the message") { !$0.isEmpty }
    #expect(shelf.answers.items.map(\.json) == [#"{"type":"small"}"#])
    #expect(log.all.count == 1 && log.all[0].contains("is over the limit, and not sent"))
  }
}
