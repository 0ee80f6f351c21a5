import CLinux
import FoundationEssentials
import Glibc
import Logging

/// Listens on a Unix socket and checks who connects.
@EventLoop
final class SocketListener {
  private let path: String
  private let descriptor: Int32
  private let allowedPeers: Set<uid_t>
  private let log: Logger
  private var source: EventSource?

  /// Gets each new connection and its process id.
  var onConnection: (@EventLoop (FrameConnection, pid_t) -> Void)?

  /// - Parameter allowedPeers: users who may connect besides root and our own.
  /// - Throws: ``SocketError``.
  init(path: String, allowedPeers: [uid_t], log: Logger) throws(SocketError) {
    self.path = path
    self.allowedPeers = Set(allowedPeers).union([0, geteuid()])
    self.log = log
    descriptor = try UnixSocket.listen(path: path)
    source = EventSource.descriptor(descriptor, .read) { [weak self] _ in self?.accept() }
    source?.resume()
  }

  private func accept() {
    while true {
      let accepted = connector_accept(descriptor)
      guard accepted >= 0 else {
        if errno == EMFILE || errno == ENFILE {
          log.error("\(path): \(errorText(errno)); a connection has to wait")
        }
        return
      }
      let peer = UnixSocket.peer(accepted)
      guard let peer, allowedPeers.contains(peer.uid) else {
        let who = peer.map { "user \($0.uid) (process \($0.pid))" } ?? "a peer"
        log.warning("\(path): \(who) may not connect")
        close(accepted)
        continue
      }
      onConnection?(FrameConnection(descriptor: accepted), peer.pid)
    }
  }
}

/// A socket on which frames only come in, from any number of short-lived writers.
@EventLoop
public final class FrameListener {
  private let listener: SocketListener
  private var connections: [ObjectIdentifier: FrameConnection] = [:]

  /// Gets each frame's JSON.
  public var onFrame: (@EventLoop (Data) -> Void)?

  /// - Throws: ``SocketError``.
  public init(path: String, allowedPeers: [uid_t], log: Logger) throws(SocketError) {
    listener = try SocketListener(path: path, allowedPeers: allowedPeers, log: log)
    listener.onConnection = { [unowned self] connection, process in
      let id = ObjectIdentifier(connection)
      connections[id] = connection
      connection.onFrame = { [weak self] json in self?.onFrame?(json) }
      connection.onClose = { [weak self] reason in
        self?.connections[id] = nil
        if let reason { log.warning("\(path): process \(process): \(reason)") }
      }
      connection.start()
    }
  }
}
