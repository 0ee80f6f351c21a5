import CLinux
import Glibc
import Runtime
import Wire

/// Where metrics and health are served: "/run/x.sock" or "unix:/run/x.sock", "127.0.0.1:9400",
/// "[::1]:9400", ":9400" (on all addresses).
public enum MonitoringAddress: Sendable, Equatable {
  case unix(String)
  case tcp(host: String, port: UInt16)

  /// - Returns: nil where the text is none.
  public init?(_ text: String) {
    if text.hasPrefix("/") {
      self = .unix(text)
    } else if text.hasPrefix("unix:/") {
      self = .unix(String(text.dropFirst(5)))
    } else {
      guard let colon = text.lastIndex(of: ":"),
        let port = UInt16(text[text.index(after: colon)...])
      else { return nil }
      var host = text[..<colon]
      if host.hasPrefix("["), host.hasSuffix("]") {
        host = host.dropFirst().dropLast()
      } else if host.contains(":") {
        return nil
      }
      self = .tcp(host: String(host), port: port)
    }
  }

  /// As it is written, with the port that the kernel chose where none was asked for.
  func words(_ descriptor: Int32) -> String {
    guard case .tcp(let host, let asked) = self else {
      if case .unix(let path) = self { return path }
      return ""
    }
    let port = asked == 0 ? TCPListener.port(of: descriptor) : asked
    return "\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  /// Binds and listens; the descriptor does not block.
  /// - Throws: ``SocketError``.
  func listen() throws(SocketError) -> Int32 {
    switch self {
    case .unix(let path): try UnixSocket.listen(path: path)
    case .tcp(let host, let port): try TCPListener.listen(host: host, port: port)
    }
  }
}

/// Listens on TCP.
enum TCPListener {
  /// Connections that wait in the kernel.
  private static let backlog: Int32 = 16

  /// - Parameters:
  ///   - host: a name or an address; empty for all.
  ///   - port: 0 for one that is free.
  /// - Throws: ``SocketError``.
  static func listen(host: String, port: UInt16) throws(SocketError) -> Int32 {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host.isEmpty ? nil : host, "\(port)", &hints, &found)
    guard result == 0, let first = found else {
      throw SocketError("\(host): \(String(cString: gai_strerror(result)))")
    }
    defer { freeaddrinfo(first) }
    var reason = ""
    // Of all addresses the one of IPv6 comes where it can, which takes IPv4 as well.
    let all = Array(sequence(first: first) { $0.pointee.ai_next }).map(\.pointee)
    let wanted =
      host.isEmpty ? all.sorted { $0.ai_family == AF_INET6 && $1.ai_family != AF_INET6 } : all
    for address in wanted {
      let kind =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      let descriptor = socket(address.ai_family, kind, 0)
      guard descriptor >= 0 else {
        reason = errorText(errno)
        continue
      }
      var on: Int32 = 1
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
      if bind(descriptor, address.ai_addr, address.ai_addrlen) == 0,
        Glibc.listen(descriptor, backlog) == 0
      {
        return descriptor
      }
      reason = errorText(errno)
      close(descriptor)
    }
    throw SocketError("cannot listen on \(host):\(port): \(reason)")
  }
}

extension TCPListener {
  /// The port that a socket is bound to.
  static func port(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    // The port is at the same place in the addresses of both families.
    return result == 0 ? UInt16(bigEndian: address.sin6_port) : 0
  }
}

extension SocketError {
  /// One that waiting does not help.
  fileprivate init(_ description: String) {
    self.init(description: description, isTransient: false)
  }
}
