import CLinux
import Glibc
import Runtime

/// Why a socket cannot be used; the text names the path.
public struct SocketError: Error, CustomStringConvertible {
  public let description: String
  /// Whether waiting can help (nobody listens yet), or never will (the path is a file).
  public let isTransient: Bool

  /// Whether the file or its folder does not let this user in.
  public let isDenied: Bool

  package init(description: String, isTransient: Bool, isDenied: Bool = false) {
    self.description = description
    self.isTransient = isTransient
    self.isDenied = isDenied
  }
}

/// Unix domain stream sockets by path.
package enum UnixSocket {
  /// Binds and listens. A stale socket file is replaced; a live one, or another kind
  /// of file, is left alone.
  /// - Throws: ``SocketError``.
  package static func listen(path: String) throws(SocketError) -> Int32 {
    var information = stat()
    if lstat(path, &information) == 0 {
      guard information.st_mode & S_IFMT == S_IFSOCK else {
        throw SocketError(description: "\(path) exists and is not a socket", isTransient: false)
      }
      guard try isStale(path) else {
        throw SocketError(
          description: "\(path) is in use by a live process", isTransient: false)
      }
      unlink(path)
    }
    let descriptor = try newSocket(path)
    // The mode must be right from the first moment: chmod afterwards leaves a gap.
    let mask = umask(0o117)
    let result = withAddress(path) { bind(descriptor, $0, $1) }
    let code = errno
    umask(mask)
    guard result == 0, Glibc.listen(descriptor, 128) == 0 else {
      let reason = errorText(result == 0 ? errno : code)
      close(descriptor)
      throw SocketError(description: "cannot listen on \(path): \(reason)", isTransient: false)
    }
    return descriptor
  }

  /// What tells one file of a path from another that takes its place.
  struct File: Equatable {
    var device: dev_t
    var number: ino_t
  }

  /// The file of a path now; nil where there is none.
  static func file(_ path: String) -> File? {
    var information = stat()
    guard lstat(path, &information) == 0 else { return nil }
    return File(device: information.st_dev, number: information.st_ino)
  }

  /// Whether nobody listens on a socket file any more. A process that is stopped, or too busy
  /// to accept, lives: its queue is full, and connecting fails with EAGAIN.
  private static func isStale(_ path: String) throws(SocketError) -> Bool {
    let descriptor = try newSocket(path)
    defer { close(descriptor) }
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) != 0 else { return false }
    return errno == ECONNREFUSED || errno == ENOENT
  }

  /// Connects; a Unix socket does so at once or not at all.
  /// - Throws: ``SocketError``.
  static func connect(path: String) throws(SocketError) -> Int32 {
    let descriptor = try newSocket(path)
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let error = errno
      close(descriptor)
      throw SocketError(
        description: "cannot connect to \(path): \(errorText(error))", isTransient: true,
        isDenied: error == EACCES)
    }
    return descriptor
  }

  /// Who is at the other end of a connection (SO_PEERCRED).
  static func peer(_ descriptor: Int32) -> (uid: uid_t, pid: pid_t)? {
    var user = uid_t.max
    var process = pid_t(0)
    guard connector_peer(descriptor, &user, &process) == 0 else { return nil }
    return (user, process)
  }

  private static func newSocket(_ path: String) throws(SocketError) -> Int32 {
    guard path.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
      throw SocketError(
        description: "\(path) is too long for a socket path (107 octets)", isTransient: false)
    }
    let kind =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else {
      throw SocketError(description: "\(path): \(errorText(errno))", isTransient: true)
    }
    return descriptor
  }

  private static func withAddress<R>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
