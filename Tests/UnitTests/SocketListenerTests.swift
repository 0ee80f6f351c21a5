import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Wire

/// How many connections a socket takes, and what it does when there is no room for them.
@Suite(.runningLoop, .timeLimit(.minutes(1)))
struct SocketListenerTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/a.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A listener, and the connections that it has taken.
  @EventLoop private final class Door {
    let log = LogLines()
    let taken = Heard<FrameConnection>()
    private let listener: SocketListener

    init(_ path: String, _ limits: SocketListener.Limits) throws {
      listener = try SocketListener(
        path: path, allowedPeers: [], limits: limits, connectionLimits: FrameConnection.Limits(),
        clock: SystemClock(), log: log.logger)
      listener.onConnection = { [taken] connection, _ in
        connection.start()
        taken.add(connection)
      }
    }

    func abandon() { listener.abandon() }
  }

  /// Connections to the socket, and whether each ends.
  @EventLoop private func peers(_ count: Int) throws -> [Peer] {
    try (1...count).map { _ in try Peer(path: path) }
  }

  @Test(arguments: [
    SocketListener.Limits(connections: 3), SocketListener.Limits(connectionsOfUser: 3),
  ])
  @EventLoop func whatIsTooManyIsClosedAndSaidOnce(_ limits: SocketListener.Limits) async throws {
    let door = try Door(path, limits)
    let peers = try peers(8)
    for peer in peers[3...] { try await peer.hearsTheEnd() }
    #expect(!peers[..<3].contains { $0.isClosed })
    #expect(
      door.log.all == [
        "warning: \(path): user \(geteuid()) (process \(getpid())) may not connect: "
          + "there are 3 connections, 3 of them this user's"
      ])
  }

  /// Somebody has removed the file, or another process serves its path for a while.
  @Test(arguments: [false, true])
  @EventLoop func aFileThatIsGoneIsMadeAgain(_ isServedByAnother: Bool) async throws {
    let door = try Door(path, SocketListener.Limits(look: 0.02))
    let before = try Peer(path: path)
    try await door.taken.wait(for: "the connection") { $0.count == 1 }
    unlink(path)
    if isServedByAnother {
      let another = try Door(path, SocketListener.Limits())
      await said("in the place of this process's own: nobody reaches it", by: door)
      another.abandon()
    }
    await said("the socket's file was gone, and is made again", by: door)
    let after = try Peer(path: path)
    try await door.taken.wait(for: "the other connection") { $0.count == 2 }
    #expect(!before.isClosed && !after.isClosed)
  }

  @EventLoop private func said(_ words: String, by door: Door) async {
    for _ in 0..<1000 where !door.log.all.contains(where: { $0.contains(words) }) {
      try? await SystemClock().sleep(seconds: 0.02)
    }
    #expect(door.log.all.contains { $0.contains(words) })
  }

  @Test @EventLoop func aConnectionThatHasEndedMakesRoom() async throws {
    let door = try Door(path, SocketListener.Limits(connectionsOfUser: 1))
    for number in 1...5 {
      let peer = try Peer(path: path)
      try await door.taken.wait(for: "connection \(number)") { $0.count == number }
      door.taken.items[number - 1].close(nil)
      try await peer.hearsTheEnd()
    }
    #expect(door.log.all.isEmpty)
  }

  /// All descriptors are asked to be kept: a quarter is the most that are, so that with a
  /// limit that is low everybody still gets some.
  @Test @EventLoop func theReserveIsAQuarterAtTheMost() async throws {
    let door = try Door(path, SocketListener.Limits(reserve: .max))
    let peer = try Peer(path: path)
    try await door.taken.wait(for: "the connection") { $0.count == 1 }
    #expect(!peer.isClosed && door.log.all.isEmpty)
  }
}
