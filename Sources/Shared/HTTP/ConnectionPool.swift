import CLibcurl
import Glibc
import Runtime

/// Connections to one server that were made with the same certificates: one multi handle of
/// libcurl on the event loop. Requests share its connections, those of other pools never.
///
/// libcurl 7.88 goes on using a connection that swallows everything as long as it is open, sends
/// HTTP/2 pings for programs that use its easy interface only (curl_easy_upkeep), and does not
/// number connections. So they are told apart by their local ports, the moment at which octets last
/// came is kept for each, and a pool with a dead one is left as a whole.
@EventLoop
final class ConnectionPool {
  let security: HTTPSecurity
  /// The requests on it, by their handles.
  private(set) var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
  /// Gets each transfer that libcurl has ended.
  var onDone: (@EventLoop (Transfer, CURLcode) -> Void)?

  private let multi: OpaquePointer
  private let clock: any Clock
  private var timer: (any Timer)?
  private var sockets: [curl_socket_t: Socket] = [:]
  private var isClosed = false

  private struct Socket {
    var source: EventSource
    /// The local port; 0 where it is none of TCP's.
    var port: Int
    /// When octets last came, or libcurl began to wait for some; monotonic.
    var heard: Double
  }

  /// - Parameter connections: the most connections at once; nil for no limit.
  init(security: HTTPSecurity, connections: Int?, clock: any Clock) {
    _ = Self.initialised
    self.security = security
    self.clock = clock
    guard let multi = curl_multi_init() else { fatalError("libcurl: no multi handle") }
    self.multi = OpaquePointer(multi)
    timer = clock.timer { [unowned self] in act(CURL_SOCKET_TIMEOUT, 0) }
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = connector_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    if let connections {
      _ = connector_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections)
      _ = connector_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connections * 2)
    }
    _ = connector_curl_multi_set_socket_callback(
      multi,
      { _, socket, what, context, _ in
        guard let context else { return 0 }
        let pool = Unmanaged<ConnectionPool>.fromOpaque(context).takeUnretainedValue()
        EventLoop.assumeIsolated { pool.watch(socket, what) }
        return 0
      }, context)
    _ = connector_curl_multi_set_timer_callback(
      multi,
      { _, milliseconds, context in
        guard let context else { return 0 }
        let pool = Unmanaged<ConnectionPool>.fromOpaque(context).takeUnretainedValue()
        EventLoop.assumeIsolated {
          if milliseconds < 0 || pool.isClosed {
            pool.timer?.suspend()
          } else {
            pool.timer?.schedule(after: Double(milliseconds) / 1000)
          }
        }
        return 0
      }, context)
  }

  private static let initialised: Bool = {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    return true
  }()

  /// Takes a request, to be sent as soon as there is a connection for it.
  func add(_ transfer: Transfer) {
    transfers[transfer.handle] = transfer
    curl_multi_add_handle(UnsafeMutableRawPointer(multi), transfer.handle)
  }

  /// Takes a request off, whether it has ended or not. Not to be called from libcurl's callbacks.
  func remove(_ transfer: Transfer) {
    guard transfers.removeValue(forKey: transfer.handle) != nil else { return }
    curl_multi_remove_handle(UnsafeMutableRawPointer(multi), transfer.handle)
  }

  /// Seconds since octets last came on the connection with this local port; nil where no
  /// request uses it.
  func silence(ofPort port: Int) -> Double? {
    let moments = sockets.values.filter { $0.port == port }.map(\.heard)
    return moments.max().map { clock.now - $0 }
  }

  /// Closes all connections. Only without requests, and not from libcurl's callbacks.
  func close() {
    precondition(transfers.isEmpty)
    isClosed = true
    curl_multi_cleanup(UnsafeMutableRawPointer(multi))
    timer?.suspend()
  }

  private func watch(_ socket: curl_socket_t, _ what: Int32) {
    let known = sockets[socket]
    known?.source.suspend()
    guard what != CURL_POLL_REMOVE else {
      sockets[socket] = nil
      return
    }
    var kind: EventSource.Kind = []
    if what & CURL_POLL_IN != 0 { kind.insert(.read) }
    if what & CURL_POLL_OUT != 0 { kind.insert(.write) }
    let source = EventSource.descriptor(socket, kind) { [unowned self] happened in
      var flags: Int32 = 0
      if happened.contains(.read) { flags |= CURL_CSELECT_IN }
      if happened.contains(.write) { flags |= CURL_CSELECT_OUT }
      act(socket, flags)
    }
    source.resume()
    // While a connection is set up its socket has no port yet: asked again.
    let port = known.map(\.port).flatMap { $0 > 0 ? $0 : nil } ?? Self.localPort(of: socket)
    sockets[socket] = Socket(
      source: source, port: port, heard: known?.heard ?? clock.now)
  }

  private func act(_ socket: curl_socket_t, _ flags: Int32) {
    // The source's own handler may replace the source: keep it until libcurl is done.
    let source = sockets[socket]?.source
    if flags & CURL_CSELECT_IN != 0 { sockets[socket]?.heard = clock.now }
    var running: Int32 = 0
    curl_multi_socket_action(UnsafeMutableRawPointer(multi), socket, flags, &running)
    withExtendedLifetime(source) {}
    var code = CURLE_OK
    while let handle = connector_curl_multi_next_done(UnsafeMutableRawPointer(multi), &code) {
      guard let transfer = transfers[handle] else { continue }
      onDone?(transfer, code)
    }
  }

  private static func localPort(of socket: curl_socket_t) -> Int {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutableBytes(of: &address) { bytes in
      let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      guard let pointer, getsockname(socket, pointer, &length) == 0 else { return 0 }
      // Port and family stand at the same places in both kinds of addresses (ip(7), ipv6(7)).
      let family = Int32(pointer.pointee.sa_family)
      guard family == AF_INET || family == AF_INET6 else { return 0 }
      return Int(UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self)))
    }
  }
}
