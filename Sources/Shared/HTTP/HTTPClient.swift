import CLibcurl
import FoundationEssentials
import Glibc

/// HTTP on the event loop by libcurl's multi socket interface: many requests in flight
/// on few connections (HTTP/2 where the server speaks it). Names are resolved by
/// libcurl's own threads, so nothing here blocks the loop.
@EventLoop
public final class HTTPClient {
  // Freed never: a client lives as long as its process.
  private let multi: OpaquePointer
  private var timer: EventSource?
  private var sockets: [curl_socket_t: EventSource] = [:]
  private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
  private var idle: [UnsafeMutableRawPointer] = []
  private let security: HTTPSecurity

  /// - Parameters:
  ///   - security: certificates and proxy for every request of this client.
  ///   - connections: the most connections to one host.
  public init(security: HTTPSecurity, connections: Int = 4) {
    _ = Self.initialised
    self.security = security
    guard let multi = curl_multi_init() else { fatalError("libcurl: no multi handle") }
    self.multi = OpaquePointer(multi)
    timer = EventSource.timer { [unowned self] in act(CURL_SOCKET_TIMEOUT, 0) }
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = connector_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    _ = connector_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections)
    _ = connector_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, connections * 2)
    _ = connector_curl_multi_set_socket_callback(
      multi,
      { _, socket, what, context, _ in
        guard let context else { return 0 }
        let client = Unmanaged<HTTPClient>.fromOpaque(context).takeUnretainedValue()
        EventLoop.assumeIsolated { client.watch(socket, what) }
        return 0
      }, context)
    _ = connector_curl_multi_set_timer_callback(
      multi,
      { _, milliseconds, context in
        guard let context else { return 0 }
        let client = Unmanaged<HTTPClient>.fromOpaque(context).takeUnretainedValue()
        EventLoop.assumeIsolated {
          if milliseconds < 0 {
            client.timer?.suspend()
          } else {
            client.timer?.schedule(after: Double(milliseconds) / 1000)
          }
        }
        return 0
      }, context)
  }

  private static let initialised: Bool = {
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    return true
  }()

  /// Sends a request and waits for the whole answer.
  /// - Throws: ``HTTPError``, or `CancellationError` when the task is cancelled.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let body = Body()
    let head = try await exchange(request) { _, chunk in body.data.append(contentsOf: chunk) }
    return HTTPResponse(status: head.status, body: body.data, retryAfter: head.retryAfter)
  }

  /// Sends a request and hands over the answer's octets as they come.
  /// - Parameters:
  ///   - onHead: called when the answer begins, which may be long before its first octet.
  ///   - onData: gets the status and the octets of each piece, on the loop.
  /// - Returns: the status, when the server has ended the answer.
  /// - Throws: ``HTTPError``, or `CancellationError` when the task is cancelled.
  public func stream(
    _ request: HTTPRequest, onHead: @escaping @EventLoop () -> Void,
    onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Int {
    try await exchange(request, onHead: onHead, onData).status
  }

  /// The answer's octets, gathered on the loop.
  @EventLoop private final class Body {
    var data = Data()
    nonisolated init() {}
  }

  private struct Head: Sendable {
    var status: Int
    var retryAfter: Double?
  }

  /// One request under way, owned by its easy handle.
  @EventLoop private final class Transfer {
    let handle: UnsafeMutableRawPointer
    let onData: @EventLoop (Int, UnsafeRawBufferPointer) -> Void
    var onHead: (@EventLoop () -> Void)?
    var continuation: CheckedContinuation<Head, any Error>?
    var headers: UnsafeMutablePointer<curl_slist>?
    var body: Data?
    var status = 0

    init(
      handle: UnsafeMutableRawPointer,
      onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void,
      continuation: CheckedContinuation<Head, any Error>
    ) {
      self.handle = handle
      self.onData = onData
      self.continuation = continuation
    }
  }

  /// Hands a transfer to the cancellation handler.
  @EventLoop private final class Ticket {
    var transfer: Transfer?
    nonisolated init() {}
  }

  private func exchange(
    _ request: HTTPRequest, onHead: (@EventLoop () -> Void)? = nil,
    _ onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Head {
    let ticket = Ticket()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        ticket.transfer = start(request, onData, continuation)
        ticket.transfer?.onHead = onHead
      }
    } onCancel: {
      Task { @EventLoop in
        // This may come late, when the handle already serves another request.
        guard let transfer = ticket.transfer, self.transfers[transfer.handle] === transfer else {
          return
        }
        self.finish(transfer.handle, .failure(CancellationError()))
      }
    }
  }

  private func start(
    _ request: HTTPRequest, _ onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void,
    _ continuation: CheckedContinuation<Head, any Error>
  ) -> Transfer? {
    guard let handle = idle.popLast() ?? curl_easy_init() else {
      continuation.resume(throwing: HTTPError(reason: "libcurl: no easy handle"))
      return nil
    }
    let transfer = Transfer(handle: handle, onData: onData, continuation: continuation)
    transfers[handle] = transfer
    _ = connector_curl_set_string(handle, CURLOPT_URL, request.url)
    _ = connector_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    _ = connector_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    _ = connector_curl_set_long(handle, CURLOPT_PIPEWAIT, 1)
    _ = connector_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
    _ = connector_curl_set_long(handle, CURLOPT_TCP_KEEPIDLE, 15)
    _ = connector_curl_set_long(handle, CURLOPT_TCP_KEEPINTVL, 15)
    _ = connector_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT, 10)
    _ = connector_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
    if let timeout = request.timeout {
      _ = connector_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(timeout * 1000))
    }
    for header in request.headers {
      transfer.headers = curl_slist_append(transfer.headers, header)
    }
    // Without this a body over 1 KiB costs a round trip for "100 Continue".
    transfer.headers = curl_slist_append(transfer.headers, "Expect:")
    _ = connector_curl_set_pointer(handle, CURLOPT_HTTPHEADER, transfer.headers)
    if let body = request.body {
      transfer.body = body
      _ = connector_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count)
      body.withUnsafeBytes { bytes in
        _ = connector_curl_set_pointer(
          handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      }
    }
    apply(security, to: handle)
    _ = connector_curl_set_pointer(
      handle, CURLOPT_WRITEDATA, Unmanaged.passUnretained(transfer).toOpaque())
    _ = connector_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) {
      data, size, count, context in
      guard let data, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
      nonisolated(unsafe) let chunk = bytes
      EventLoop.assumeIsolated { HTTPClient.receive(transfer, chunk) }
      return size * count
    }
    _ = connector_curl_set_pointer(
      handle, CURLOPT_HEADERDATA, Unmanaged.passUnretained(transfer).toOpaque())
    _ = connector_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION) {
      _, size, count, context in
      guard let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      EventLoop.assumeIsolated {
        transfer.onHead?()
        transfer.onHead = nil
      }
      return size * count
    }
    curl_multi_add_handle(UnsafeMutableRawPointer(multi), handle)
    return transfer
  }

  private static func receive(_ transfer: Transfer, _ chunk: UnsafeRawBufferPointer) {
    if transfer.status == 0 {
      _ = connector_curl_get_long(transfer.handle, CURLINFO_RESPONSE_CODE, &transfer.status)
    }
    transfer.onData(transfer.status, chunk)
  }

  private func apply(_ security: HTTPSecurity, to handle: UnsafeMutableRawPointer) {
    func set(_ option: CURLoption, _ data: Data?) {
      data?.withUnsafeBytes { bytes in
        _ = connector_curl_set_blob(handle, option, bytes.baseAddress, bytes.count)
      }
    }
    set(CURLOPT_CAINFO_BLOB, security.certificateAuthority)
    set(CURLOPT_SSLCERT_BLOB, security.clientCertificate)
    set(CURLOPT_SSLKEY_BLOB, security.clientKey)
    if security.skipVerification {
      _ = connector_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
      _ = connector_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
    }
    if let proxy = security.proxy {
      _ = connector_curl_set_string(handle, CURLOPT_PROXY, proxy)
    }
  }

  private func watch(_ socket: curl_socket_t, _ what: Int32) {
    sockets[socket]?.suspend()
    sockets[socket] = nil
    guard what != CURL_POLL_REMOVE else { return }
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
    sockets[socket] = source
  }

  private func act(_ socket: curl_socket_t, _ flags: Int32) {
    // The source's own handler may replace the source: keep it until libcurl is done.
    let source = sockets[socket]
    var running: Int32 = 0
    curl_multi_socket_action(UnsafeMutableRawPointer(multi), socket, flags, &running)
    withExtendedLifetime(source) {}
    var result = CURLE_OK
    while let handle = connector_curl_multi_next_done(UnsafeMutableRawPointer(multi), &result) {
      if result == CURLE_OK {
        var status = 0
        _ = connector_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        finish(handle, .success(Head(status: status, retryAfter: retryAfter(handle))))
      } else {
        let reason = String(cString: curl_easy_strerror(result))
        finish(handle, .failure(HTTPError(reason: reason)))
      }
    }
  }

  private func retryAfter(_ handle: UnsafeMutableRawPointer) -> Double? {
    var seconds = 0
    _ = connector_curl_get_long(handle, CURLINFO_RETRY_AFTER, &seconds)
    return seconds > 0 ? Double(seconds) : nil
  }

  private func finish(_ handle: UnsafeMutableRawPointer, _ result: Result<Head, any Error>) {
    guard let transfer = transfers.removeValue(forKey: handle) else { return }
    curl_multi_remove_handle(UnsafeMutableRawPointer(multi), handle)
    curl_slist_free_all(transfer.headers)
    curl_easy_reset(handle)
    if idle.count < 64 { idle.append(handle) } else { curl_easy_cleanup(handle) }
    let continuation = transfer.continuation
    transfer.continuation = nil
    continuation?.resume(with: result)
  }
}
