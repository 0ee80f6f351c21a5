import FoundationEssentials
import Glibc
import Logging
import Runtime

/// A socket on which frames only come in, from any number of short-lived writers.
@EventLoop
public final class FrameListener {
  /// Lines a minute about what one user's writers do wrong.
  private static let lines = 20

  private let listener: SocketListener
  private let complaints: RepeatedLine
  private var connections: [ObjectIdentifier: FrameConnection] = [:]

  /// Gets each frame's JSON.
  public var onFrame: (@EventLoop (Data) -> Void)?

  /// - Parameters:
  ///   - allowedPeers: users who may connect besides root and our own.
  ///   - frameLimit: the most octets of a frame.
  ///   - life: seconds after which a connection is closed: writers write and go.
  /// - Throws: ``SocketError``.
  public init(
    path: String, allowedPeers: [uid_t], frameLimit: Int, life: Double, clock: any Clock,
    log: Logger
  ) throws(SocketError) {
    complaints = RepeatedLine(clock: clock, log: log, burst: Self.lines)
    listener = try SocketListener(
      path: path, allowedPeers: allowedPeers,
      connectionLimits: FrameConnection.Limits(frame: frameLimit, frameTime: life, life: life),
      clock: clock, log: log)
    listener.onConnection = { [unowned self] connection, peer in
      let id = ObjectIdentifier(connection)
      connections[id] = connection
      connection.onFrame = { [weak self] json in self?.onFrame?(json) }
      connection.onClose = { [weak self] reason in
        self?.connections[id] = nil
        guard let self, let reason else { return }
        complaints.warn("\(path): process \(peer.process): \(reason)", cause: "user \(peer.user)")
      }
      connection.start()
      // What a writer wrote before it closed, and its end: many that come together do not count
      // as many connections.
      connection.read()
      connection.read()
    }
  }
}
