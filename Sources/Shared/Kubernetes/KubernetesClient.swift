import FoundationEssentials
import Logging

/// Talks JSON with one API server, as one user.
@EventLoop
public final class KubernetesClient {
  private let connection: KubernetesConnection
  private let http: HTTPClient
  private let credentials: CredentialSource
  private let userAgent: String

  /// - Parameter connections: the most connections to the server at once.
  public init(_ connection: KubernetesConnection, program: String, connections: Int = 4) {
    self.connection = connection
    http = HTTPClient(security: connection.security, connections: connections)
    credentials = CredentialSource(connection.credential)
    userAgent = "User-Agent: \(program)/\(Version.text)"
  }

  /// The server's URL, for logs.
  public var server: String { connection.server }

  /// Whether another credential may turn up without a restart.
  public var credentialCanChange: Bool { credentials.canChange }

  /// Kinds of patches, by media type.
  public enum PatchType: String, Sendable {
    case merge = "application/merge-patch+json"
    case strategic = "application/strategic-merge-patch+json"
  }

  /// Sends one request and decodes the answer.
  /// - Parameters:
  ///   - path: from "/api" on.
  ///   - query: name and value pairs, not yet percent-encoded.
  /// - Throws: ``KubernetesError`` for the server's refusals, ``HTTPError`` where there is no
  ///   answer, `DecodingError` where it is not what was asked for.
  public func send<Answer: Decodable>(
    _ method: String, _ path: String, query: [(String, String)] = [],
    body: (any Encodable & Sendable)? = nil, contentType: String = "application/json",
    timeout: Double = 30, as: Answer.Type
  ) async throws -> Answer {
    let data = try body.map { try JSONEncoder().encode($0) }
    let response = try await exchange(method, path, query, data, contentType, timeout)
    return try JSONDecoder().decode(Answer.self, from: response.body)
  }

  /// Sends one request whose answer does not matter beyond its success.
  public func send(
    _ method: String, _ path: String, body: (any Encodable & Sendable)? = nil,
    contentType: String = "application/json", timeout: Double = 30
  ) async throws {
    let data = try body.map { try JSONEncoder().encode($0) }
    _ = try await exchange(method, path, [], data, contentType, timeout)
  }

  /// Sends a patch.
  public func patch<Answer: Decodable>(
    _ path: String, _ type: PatchType, _ body: some Encodable & Sendable, as answer: Answer.Type
  ) async throws -> Answer {
    try await send("PATCH", path, body: body, contentType: type.rawValue, as: answer)
  }

  /// Opens a stream (a watch) and hands over its lines, without their line feeds.
  /// - Parameters:
  ///   - onHead: called when the server has begun to answer.
  ///   - onLine: gets each line, or why the stream cannot be read further: the task is then to be
  ///     cancelled.
  /// - Returns: when the server ends the stream.
  func lines(
    _ path: String, query: [(String, String)], onHead: @escaping @EventLoop () -> Void,
    onLine: @escaping @EventLoop (Result<Data, LineTooLong>) -> Void
  ) async throws {
    let headers = try await headers(contentType: nil)
    var splitter = LineSplitter()
    var failure = Data()
    var failed = 0
    let request = HTTPRequest(method: "GET", url: url(path, query), headers: headers, timeout: nil)
    let status = try await http.stream(request, onHead: onHead) { status, chunk in
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
    if status == 401 { credentials.invalidate() }
    guard status == 200 else {
      throw KubernetesError(status: max(failed, status), body: failure)
    }
  }

  private func exchange(
    _ method: String, _ path: String, _ query: [(String, String)], _ body: Data?,
    _ contentType: String, _ timeout: Double
  ) async throws -> HTTPResponse {
    var isSecondTry = false
    while true {
      let request = HTTPRequest(
        method: method, url: url(path, query), headers: try await headers(contentType: contentType),
        body: body, timeout: timeout)
      let response = try await http.send(request)
      if response.status == 401, !isSecondTry, credentials.canChange {
        credentials.invalidate()
        isSecondTry = true
        continue
      }
      guard (200..<300).contains(response.status) else {
        throw KubernetesError(
          status: response.status, body: response.body, retryAfter: response.retryAfter)
      }
      return response
    }
  }

  private func headers(contentType: String?) async throws -> [String] {
    var headers = ["Accept: application/json", userAgent]
    if let contentType { headers.append("Content-Type: \(contentType)") }
    if let authorization = try await credentials.authorization() {
      headers.append("Authorization: \(authorization)")
    }
    return headers
  }

  private func url(_ path: String, _ query: [(String, String)]) -> String {
    var url = connection.server + path
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
