import FoundationEssentials
import Glibc
import Testing

@testable import Runtime
@testable import Wire

/// Issue "a socket path that exists as a file, a socket in use by a live process: one clear
/// line; a stale socket file is replaced".
@Suite(.runningLoop)
struct UnixSocketTests {
  private let folder: TemporaryFolder
  private var path: String { "\(folder.path)/a.sock" }

  init() throws {
    folder = try TemporaryFolder()
  }

  @EventLoop private func refusal(_ path: String) -> SocketError? {
    #expect(throws: SocketError.self) { try UnixSocket.listen(path: path) }
  }

  @Test @EventLoop func theSocketIsForItsGroupOnly() throws {
    let mask = umask(0)
    umask(mask)
    let listener = try UnixSocket.listen(path: path)
    defer { close(listener) }
    var information = stat()
    #expect(lstat(path, &information) == 0)
    #expect(information.st_mode & S_IFMT == S_IFSOCK)
    #expect(information.st_mode & 0o777 == 0o660)
    let after = umask(mask)
    #expect(after == mask)
  }

  @Test @EventLoop func aStaleSocketFileIsReplaced() throws {
    close(try UnixSocket.listen(path: path))
    #expect(throws: SocketError.self) { try UnixSocket.connect(path: path) }
    let listener = try UnixSocket.listen(path: path)
    defer { close(listener) }
    close(try UnixSocket.connect(path: path))
  }

  @Test @EventLoop func aLiveSocketIsLeftAlone() throws {
    let listener = try UnixSocket.listen(path: path)
    defer { close(listener) }
    let error = refusal(path)
    #expect(error?.description == "\(path) is in use by a live process")
    #expect(error?.isTransient == false)
    close(try UnixSocket.connect(path: path))
  }

  /// A process that is stopped, or very busy, has not accepted what waits: connecting fails
  /// then, but it lives.
  @Test @EventLoop func aLiveSocketWithAFullQueueIsLeftAlone() throws {
    let listener = try UnixSocket.listen(path: path)
    defer { close(listener) }
    #expect(listen(listener, 0) == 0)
    var waiting: [Int32] = []
    defer { for descriptor in waiting { close(descriptor) } }
    while waiting.count < 1000, let descriptor = try? UnixSocket.connect(path: path) {
      waiting.append(descriptor)
    }
    #expect(waiting.count < 1000)
    #expect(refusal(path)?.description == "\(path) is in use by a live process")
  }

  @Test @EventLoop func aFileIsLeftAlone() throws {
    try folder.write("a.sock", "precious")
    let error = refusal(path)
    #expect(error?.description == "\(path) exists and is not a socket")
    #expect(error?.isTransient == false)
    #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == "precious")
  }

  @Test @EventLoop func aFolderIsLeftAlone() throws {
    #expect(refusal(folder.path)?.description == "\(folder.path) exists and is not a socket")
  }

  @Test @EventLoop func aLinkIsLeftAlone() throws {
    #expect(symlink("/nonexistent", path) == 0)
    #expect(refusal(path)?.description == "\(path) exists and is not a socket")
  }

  @Test @EventLoop func aFolderThatIsMissingIsNamed() {
    let path = "\(folder.path)/none/a.sock"
    #expect(refusal(path)?.description == "cannot listen on \(path): No such file or directory")
  }

  @Test @EventLoop func aPathThatIsTooLongIsNamed() {
    let path = "\(folder.path)/" + String(repeating: "a", count: 100)
    #expect(refusal(path)?.description == "\(path) is too long for a socket path (107 octets)")
  }

  @Test @EventLoop func connectingToNothingMayWorkLater() {
    let error = #expect(throws: SocketError.self) { try UnixSocket.connect(path: path) }
    #expect(error?.description == "cannot connect to \(path): No such file or directory")
    #expect(error?.isTransient == true)
  }

  @Test @EventLoop func thePeerIsKnown() throws {
    var ends: [Int32] = [-1, -1]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let peer = try #require(UnixSocket.peer(ends[0]))
    #expect(peer.uid == geteuid())
    #expect(peer.pid == getpid())
  }

  @Test @EventLoop func whatIsNoSocketHasNoPeer() {
    #expect(UnixSocket.peer(-1) == nil)
  }
}
