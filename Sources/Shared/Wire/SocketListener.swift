import CLinux
import Glibc
import Logging
import Runtime

/// Listens on a Unix socket and checks who connects, and how often.
@EventLoop
final class SocketListener {
  /// How many connections there may be at once.
  struct Limits {
    var connections = 256
    /// Of one user.
    var connectionsOfUser = 64
    /// Descriptors that are kept free for everything but connections from outside: PBS's
    /// commands, requests, files. At the most a quarter of all.
    var reserve = 256
    /// Seconds without accepting when no descriptor is left.
    var pause = 1.0
    /// Seconds between looks whether the socket's file is still there.
    var look = 10.0
  }

  /// Who is at the other end.
  struct Peer {
    var user: uid_t
    var process: pid_t
  }

  /// Connections that are taken before others get their turn on the loop.
  private static let turn = 64

  private let path: String
  private var descriptor: Int32
  /// The file that it listens on; without it nobody would reach this process any more.
  private var file: UnixSocket.File?
  private var lookTimer: (any Timer)?
  private var isReading = true
  private let allowedPeers: AllowedUsers
  private let limits: Limits
  private let connectionLimits: FrameConnection.Limits
  private let clock: any Clock
  private let refusals: RepeatedLine
  private var source: EventSource?
  private var pauseTimer: (any Timer)?
  private var accepted: [Accepted] = []

  private struct Accepted {
    weak var connection: FrameConnection?
    var user: uid_t
  }

  /// Gets each new connection.
  var onConnection: (@EventLoop (FrameConnection, Peer) -> Void)?

  /// - Parameters:
  ///   - allowedPeers: users who may connect besides root and our own.
  ///   - connectionLimits: what each connection may do.
  /// - Throws: ``SocketError``.
  init(
    path: String, allowedPeers: [uid_t], limits: Limits = Limits(),
    connectionLimits: FrameConnection.Limits, clock: any Clock, log: Logger
  ) throws(SocketError) {
    self.path = path
    self.allowedPeers = AllowedUsers(allowedPeers)
    self.limits = limits
    self.connectionLimits = connectionLimits
    self.clock = clock
    refusals = RepeatedLine(clock: clock, log: log)
    descriptor = try UnixSocket.listen(path: path)
    file = UnixSocket.file(path)
    source = EventSource.descriptor(descriptor, .read) { [weak self] _ in self?.accept() }
    pauseTimer = clock.timer { [weak self] in self?.source?.resume() }
    lookTimer = clock.timer { [weak self] in self?.look() }
    source?.resume()
    lookTimer?.schedule(after: limits.look)
  }

  /// Listens anew where somebody has removed the socket's file.
  private func look() {
    lookTimer?.schedule(after: limits.look)
    guard isReading, UnixSocket.file(path) != file else { return }
    do throws(SocketError) {
      let new = try UnixSocket.listen(path: path)
      // First: a closed descriptor's number may soon be another's.
      source = nil
      close(descriptor)
      descriptor = new
      file = UnixSocket.file(path)
      source = EventSource.descriptor(new, .read) { [weak self] _ in self?.accept() }
      source?.resume()
      refusals.warn("\(path): the socket's file was gone, and is made again", cause: "file")
    } catch {
      refusals.warn(
        "\(error.description), in the place of this process's own: nobody reaches it",
        cause: "another file")
    }
  }

  /// Whether connections are taken, and what comes on them is read.
  func setReading(_ reads: Bool) {
    isReading = reads
    if reads { source?.resume() } else { source?.suspend() }
    for accepted in accepted { accepted.connection?.setReading(reads) }
  }

  /// Ends as with this process: no connection is left, and the socket's file stays.
  func abandon() {
    source = nil
    pauseTimer = nil
    lookTimer = nil
    onConnection = nil
    for accepted in accepted { accepted.connection?.abandon() }
    close(descriptor)
  }

  private func accept() {
    for _ in 0..<Self.turn {
      let number = connector_accept(descriptor)
      guard number >= 0 else {
        if errno != EAGAIN, errno != EINTR, errno != ECONNABORTED { pause(errorText(errno)) }
        return
      }
      // The kernel gives the lowest number that is free: all below it are in use.
      guard Int(number) < usable else {
        close(number)
        return pause("\(number) descriptors are in use, the others are kept for other work")
      }
      take(number)
    }
  }

  private func take(_ number: Int32) {
    guard let (user, process) = UnixSocket.peer(number) else {
      refusals.warn("\(path): a peer that cannot be told may not connect", cause: "untold")
      close(number)
      return
    }
    let name = "user \(user) (process \(process))"
    guard allowedPeers.contains(user) else {
      refusals.warn("\(path): \(name) may not connect", cause: "user \(user)")
      close(number)
      return
    }
    accepted.removeAll { $0.connection?.isOpen != true }
    let ofUser = accepted.count { $0.user == user }
    guard accepted.count < limits.connections, ofUser < limits.connectionsOfUser else {
      refusals.warn(
        "\(path): \(name) may not connect: there are \(accepted.count) connections, "
          + "\(ofUser) of them this user's",
        cause: "number of user \(user)")
      close(number)
      return
    }
    let connection = FrameConnection(
      descriptor: number, limits: connectionLimits, clock: clock)
    accepted.append(Accepted(connection: connection, user: user))
    onConnection?(connection, Peer(user: user, process: process))
  }

  /// Descriptors that there may be before a connection is too much.
  private var usable: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    let all = Int(clamping: limit.rlim_cur)
    return all - min(limits.reserve, all / 4)
  }

  /// Lets connections wait in the kernel for a while; trying at once would fail at once.
  private func pause(_ reason: String) {
    refusals.warn("\(path): \(reason); connections have to wait", cause: "pause")
    source?.suspend()
    pauseTimer?.schedule(after: limits.pause)
  }
}
