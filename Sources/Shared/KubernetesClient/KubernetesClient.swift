import FoundationEssentials
import HTTP
import Logging
import Runtime
import Startup

/// Talks JSON with one API server, as one user.
@EventLoop
public final class KubernetesClient {
  private let source: ConnectionSource
  private let http: any HTTPTransport
  private let clock: any Clock
  private let userAgent: String

  /// Octets of the largest answer to a GET (a page of a list) and to other requests. An object
  /// has about 1.5 MiB at the most, since etcd takes no larger ones.
  public static let listLimit = 64 << 20
  public static let objectLimit = 8 << 20

  /// - Parameter connections: the most connections to the server at once, besides those of
  ///   streams.
  public convenience init(
    _ connection: KubernetesConnection, program: String, connections: Int = 4, clock: any Clock,
    log: Logger
  ) {
    let http = HTTPClient(
      name: connection.server, connections: connections, clock: clock, log: log)
    self.init(connection, program: program, http: http, clock: clock, log: log)
  }

  /// The same by another way to the server.
  public init(
    _ connection: KubernetesConnection, program: String, http: any HTTPTransport,
    clock: any Clock, log: Logger
  ) {
    source = ConnectionSource(connection, program: program, clock: clock, log: log)
    self.http = http
    self.clock = clock
    userAgent = "User-Agent: \(program)/\(Version.text)"
  }

  /// The server's URL, for logs.
  public var server: String { source.connection.server }

  /// Whether another credential may turn up without a restart, and without another kubeconfig.
  public var credentialCanChange: Bool { source.credentials.canChange }

  /// Why the last request failed, where that says that the server cannot be worked with; nil after
  /// one that was answered.
  public private(set) var trouble: String?

  /// Kinds of patches, by media type.
  public enum PatchType: String, Sendable {
    case merge = "application/merge-patch+json"
    case strategic = "application/strategic-merge-patch+json"
  }

  /// Sends one request and decodes the answer.
  /// - Parameters:
  ///   - path: from "/api" on.
  ///   - query: name and value pairs, not yet percent-encoded.
  ///   - timeout: seconds for all of it: a credential plugin's run, a wait for a connection, a
  ///     second try with another credential.
  ///   - answerLimit: octets; nil for ``listLimit`` or ``objectLimit``. Beyond it the exchange
  ///     fails with ``HTTPError/Kind/tooLarge``: ask for smaller pages.
  /// - Throws: ``KubernetesError`` for the server's refusals, ``HTTPError`` where there is no
  ///   answer, `DecodingError` where it is not what was asked for.
  public func send<Answer: Decodable>(
    _ method: String, _ path: String, query: [(String, String)] = [],
    body: (any Encodable & Sendable)? = nil, contentType: String = "application/json",
    timeout: Double = 10, answerLimit: Int? = nil, as: Answer.Type
  ) async throws -> Answer {
    let data = try body.map { try JSONEncoder().encode($0) }
    let limit = answerLimit ?? (method == "GET" ? Self.listLimit : Self.objectLimit)
    let response = try await exchange(method, path, query, data, contentType, timeout, limit)
    return try ServerJSON.decode(Answer.self, from: response.body)
  }

  /// Sends one request whose answer does not matter beyond its success.
  public func send(
    _ method: String, _ path: String, body: (any Encodable & Sendable)? = nil,
    contentType: String = "application/json", timeout: Double = 10
  ) async throws {
    let data = try body.map { try JSONEncoder().encode($0) }
    let response = try await exchange(
      method, path, [], data, contentType, timeout, Self.objectLimit)
    guard response.body.first == UInt8(ascii: "{") else {
      throw KubernetesError(page: response.body, status: response.status)
    }
  }

  /// Sends a patch.
  public func patch<Answer: Decodable>(
    _ path: String, _ type: PatchType, _ body: some Encodable & Sendable, as answer: Answer.Type
  ) async throws -> Answer {
    try await send("PATCH", path, body: body, contentType: type.rawValue, as: answer)
  }

  /// Opens a stream (a watch) and hands over its lines, without their line feeds.
  ///
  /// Who cancels the task because nothing came for a while also ends the use of that
  /// connection: the next stream opens another one.
  /// - Parameters:
  ///   - onHead: called when the server has begun to answer.
  ///   - onLine: gets each line, or why the stream cannot be read further: the task is then to be
  ///     cancelled.
  /// - Returns: when the server ends the stream.
  /// - Throws: as ``send(_:_:query:body:contentType:timeout:answerLimit:as:)``.
  func lines(
    _ path: String, query: [(String, String)], onHead: @escaping @EventLoop () -> Void,
    onLine: @escaping @EventLoop (Result<Data, LineTooLong>) -> Void
  ) async throws {
    source.refresh()
    let identity = try await identity(within: Self.pluginWait)
    let request = request("GET", path, query, identity, timeout: nil, answerLimit: nil)
    var splitter = LineSplitter()
    var failure = Data()
    var failed = 0
    let status: Int
    do {
      status = try await http.stream(request, onHead: onHead) { status, chunk in
        guard status == 200 else {
          failed = status
          if failure.count < 65536 { failure.append(contentsOf: chunk) }
          return
        }
        do throws(LineTooLong) {
          for line in try splitter.take(chunk) { onLine(.success(line)) }
        } catch {
          onLine(.failure(error))
        }
      }
    } catch let error as HTTPError where error.kind == .security {
      source.refresh(isRefused: true)
      throw error
    }
    if status == 401 {
      source.credentials.invalidate(identity)
      source.refresh(isRefused: true)
    }
    guard status == 200 else {
      throw KubernetesError(status: max(failed, status), body: failure)
    }
    source.credentials.accepted()
  }

  /// Seconds for a credential plugin before a stream, which has no limit of its own.
  private static let pluginWait = 60.0

  private func exchange(
    _ method: String, _ path: String, _ query: [(String, String)], _ body: Data?,
    _ contentType: String, _ timeout: Double, _ answerLimit: Int
  ) async throws -> HTTPResponse {
    do {
      let response = try await APICall(method, path).measured(by: clock) {
        try await exchangeOnce(method, path, query, body, contentType, timeout, answerLimit)
      }
      trouble = nil
      return response
    } catch {
      if !(error is CancellationError) { trouble = Self.trouble(error) }
      throw error
    }
  }

  /// What of a failure says that the server cannot be worked with.
  private static func trouble(_ error: any Error) -> String? {
    guard let error = error as? KubernetesError else { return "\(error)" }
    return error.status >= 500 || error.status == 401 ? "\(error)" : nil
  }

  private func exchangeOnce(
    _ method: String, _ path: String, _ query: [(String, String)], _ body: Data?,
    _ contentType: String, _ timeout: Double, _ answerLimit: Int
  ) async throws -> HTTPResponse {
    let deadline = clock.now + timeout
    source.refresh()
    var isSecondTry = false
    while true {
      let identity = try await identity(within: deadline - clock.now)
      var request = request(
        method, path, query, identity, timeout: deadline - clock.now, answerLimit: answerLimit)
      request.headers.append("Content-Type: \(contentType)")
      request.body = body
      let response: HTTPResponse
      do {
        response = try await http.send(request)
      } catch let error as HTTPError where error.kind == .security && !isSecondTry {
        guard source.refresh(isRefused: true), clock.now < deadline else { throw error }
        isSecondTry = true
        continue
      }
      if response.status == 401, !isSecondTry {
        source.credentials.invalidate(identity)
        let isChanged = source.refresh(isRefused: true)
        if isChanged || source.credentials.canChange, clock.now < deadline {
          isSecondTry = true
          continue
        }
      }
      guard (200..<300).contains(response.status) else {
        throw KubernetesError(
          status: response.status, body: response.body, retryAfter: response.retryAfter)
      }
      source.credentials.accepted()
      return response
    }
  }

  private func identity(within seconds: Double) async throws -> CredentialSource.Identity {
    do {
      return try await source.credentials.identity(within: seconds)
    } catch {
      http.complain("\(error)")
      throw error
    }
  }

  private func request(
    _ method: String, _ path: String, _ query: [(String, String)],
    _ identity: CredentialSource.Identity, timeout: Double?, answerLimit: Int?
  ) -> HTTPRequest {
    let connection = source.connection
    var security = connection.security
    if let certificate = identity.certificate { security.clientCertificate = certificate }
    if let key = identity.key { security.clientKey = key }
    var headers = ["Accept: application/json", userAgent]
    if let host = connection.hostHeader { headers.append("Host: \(host)") }
    if let authorization = identity.authorization {
      headers.append("Authorization: \(authorization)")
    }
    return HTTPRequest(
      method: method, url: url(path, query), headers: headers, security: security,
      timeout: timeout, answerLimit: answerLimit)
  }

  private func url(_ path: String, _ query: [(String, String)]) -> String {
    var url = source.connection.urlBase + path
    for (index, item) in query.enumerated() {
      url += index == 0 ? "?" : "&"
      url += item.0 + "=" + percentEncoded(item.1)
    }
    return url
  }

  private func percentEncoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(UnicodeScalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }
}
