import CLibcurl
import FoundationEssentials
import Logging
import Runtime
import Text

/// HTTP with one server on the event loop by libcurl's multi socket interface: many requests in
/// flight on few connections (HTTP/2 where the server speaks it). Names are resolved by
/// libcurl's own threads, so nothing here blocks the loop.
///
/// No request is older than its limit. A connection on which nothing comes while a request
/// waits, to the end of its time or until it is cancelled, is given up: whatever else waits on it
/// fails at once, and the next request opens another one.
@EventLoop
public final class HTTPClient: HTTPTransport {
  /// Seconds without an octet from which on a connection counts as dead when a request on it
  /// is over without its answer; for a shorter request, half of its time. A server that is
  /// only slow with one request still answers others.
  static let longestSilence = 4.0

  private let name: String
  private let connections: Int
  private let clock: any Clock
  private let log: Logger
  private var pools: [Use: ConnectionPool] = [:]
  /// Pools that take no further requests, while there are some on them.
  private var retired: [ConnectionPool] = []
  private var idle: [UnsafeMutableRawPointer] = []
  /// Whether a failure was logged, and nothing was answered since.
  private var isInTrouble = false
  private var complaint: (text: String, at: Double)?
  /// Seconds after which the same failure is logged again, where answers came in between.
  private static let complaintInterval = 10.0

  /// Streams have connections of their own: over HTTP/1.1 each takes one for as long as it
  /// lasts, and would leave none for requests.
  private enum Use {
    case requests, streams
  }

  /// - Parameters:
  ///   - name: the server's, for the log.
  ///   - connections: the most connections for requests; each stream may have one besides.
  public init(name: String, connections: Int, clock: any Clock, log: Logger) {
    self.name = name
    self.connections = connections
    self.clock = clock
    self.log = log
  }

  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    let body = Body()
    let head = try await exchange(request, .requests, onHead: nil) { _, chunk in
      body.data.append(contentsOf: chunk)
    }
    return HTTPResponse(status: head.status, body: body.data, retryAfter: head.retryAfter)
  }

  public func stream(
    _ request: HTTPRequest, onHead: @escaping @EventLoop () -> Void,
    onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Int {
    let begin: @EventLoop () -> Void = { [weak self] in
      self?.answered()
      onHead()
    }
    return try await exchange(request, .streams, onHead: begin, onData).status
  }

  /// The answer's octets, gathered on the loop.
  @EventLoop private final class Body {
    var data = Data()
    nonisolated init() {}
  }

  /// Hands a transfer to the cancellation handler.
  @EventLoop private final class Ticket {
    var transfer: Transfer?
    nonisolated init() {}
  }

  private func exchange(
    _ request: HTTPRequest, _ use: Use, onHead: (@EventLoop () -> Void)?,
    _ onData: @escaping @EventLoop (Int, UnsafeRawBufferPointer) -> Void
  ) async throws -> Transfer.Head {
    let ticket = Ticket()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        guard let handle = idle.popLast() ?? curl_easy_init() else {
          return continuation.resume(throwing: HTTPError(reason: "libcurl: no easy handle"))
        }
        let transfer = Transfer(
          handle: handle, request: request, onHead: onHead, onData: onData,
          continuation: continuation)
        ticket.transfer = transfer
        start(transfer, use)
      }
    } onCancel: {
      Task { @EventLoop in
        guard let transfer = ticket.transfer else { return }
        self.abandon(transfer, CancellationError())
      }
    }
  }

  private func start(_ transfer: Transfer, _ use: Use) {
    if let timeout = transfer.request.timeout {
      let deadline = clock.timer { [unowned self, unowned transfer] in
        abandon(
          transfer, HTTPError(.silence, reason: "no answer within \(String(rounded: timeout)) s"))
      }
      deadline.schedule(after: timeout)
      transfer.deadline = deadline
    }
    pool(use, transfer.request.security).add(transfer)
  }

  /// The pool for such requests. Connections made with other certificates are not used again.
  private func pool(_ use: Use, _ security: HTTPSecurity) -> ConnectionPool {
    if let pool = pools[use] {
      if pool.security == security { return pool }
      retire(pool)
    }
    let pool = ConnectionPool(
      security: security, connections: use == .requests ? connections : nil, clock: clock)
    pool.onDone = { [unowned self, unowned pool] transfer, code in
      if transfer.isToBeRepeated(code) {
        pool.remove(transfer)
        pool.add(transfer)
        return
      }
      let result = transfer.result(code)
      if case .failure(let error) = result { complain("\(error)") } else { answered() }
      finish(transfer, in: pool, result)
    }
    pools[use] = pool
    return pool
  }

  private func finish(
    _ transfer: Transfer, in pool: ConnectionPool, _ result: Result<Transfer.Head, any Error>
  ) {
    pool.remove(transfer)
    transfer.finish(result)
    if idle.count < 64 { idle.append(transfer.handle) } else { curl_easy_cleanup(transfer.handle) }
    closeIfUnused(pool)
  }

  /// Ends a request from our side, and looks whether its connection is dead.
  private func abandon(_ transfer: Transfer, _ error: any Error) {
    // This may come late, when the handle already serves another request.
    let all = Array(pools.values) + retired
    guard let pool = all.first(where: { $0.transfers[transfer.handle] === transfer }) else {
      return
    }
    let port = transfer.port
    let silence = port.flatMap { pool.silence(ofPort: $0) } ?? 0
    finish(transfer, in: pool, .failure(error))
    let limit = min(Self.longestSilence, 0.5 * (transfer.request.timeout ?? .infinity))
    if let port, silence >= limit {
      giveUp(port, of: pool, silence)
    } else if error is HTTPError {
      complain("\(error)")
    }
  }

  private func giveUp(_ port: Int, of pool: ConnectionPool, _ silence: Double) {
    let text = "nothing has come on its connection for \(String(rounded: silence)) s"
    complain("a request waits and \(text): given up, the next one opens another")
    let use = pools.first { $0.value === pool }?.key
    retire(pool)
    for transfer in Array(pool.transfers.values) {
      if transfer.port == port {
        finish(transfer, in: pool, .failure(HTTPError(.silence, reason: text)))
      } else if transfer.port == nil, let use {
        // Nothing of it was sent yet.
        pool.remove(transfer)
        self.pool(use, transfer.request.security).add(transfer)
      }
    }
    closeIfUnused(pool)
  }

  /// Sends nothing more on a pool's connections; what is under way may end.
  private func retire(_ pool: ConnectionPool) {
    guard let use = pools.first(where: { $0.value === pool })?.key else { return }
    pools[use] = nil
    retired.append(pool)
    closeIfUnused(pool)
  }

  private func closeIfUnused(_ pool: ConnectionPool) {
    guard pool.transfers.isEmpty, let index = retired.firstIndex(where: { $0 === pool }) else {
      return
    }
    retired.remove(at: index)
    // Later: this may be a callback from the pool's own timer or socket.
    Task { @EventLoop in pool.close() }
  }

  public func complain(_ text: String) {
    guard !isInTrouble else { return }
    if let complaint, complaint.text == text,
      clock.now - complaint.at < Self.complaintInterval
    {
      return
    }
    complaint = (text, clock.now)
    isInTrouble = true
    log.warning("\(name): \(text)")
  }

  private func answered() {
    guard isInTrouble else { return }
    isInTrouble = false
    log.notice("\(name): answers again")
  }
}
