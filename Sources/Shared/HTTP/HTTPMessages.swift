import FoundationEssentials

/// One HTTP request.
public struct HTTPRequest: Sendable {
  public var method: String
  /// The whole URL.
  public var url: String
  /// Header lines, "Name: value".
  public var headers: [String]
  public var body: Data?
  /// Whom to trust, and as whom.
  public var security: HTTPSecurity
  /// Seconds for the whole exchange, the wait for a connection included; nil for a stream
  /// without an end.
  public var timeout: Double?
  /// The most octets of a successful answer's body; nil for a stream, which has no limit.
  public var answerLimit: Int?

  public init(
    method: String, url: String, headers: [String] = [], body: Data? = nil,
    security: HTTPSecurity = HTTPSecurity(), timeout: Double? = 10, answerLimit: Int? = 8 << 20
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.security = security
    self.timeout = timeout
    self.answerLimit = answerLimit
  }
}

/// One whole HTTP answer.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var body: Data
  /// The Retry-After header in seconds, where the server sent one.
  public var retryAfter: Double?

  public init(status: Int, body: Data, retryAfter: Double? = nil) {
    self.status = status
    self.body = body
    self.retryAfter = retryAfter
  }
}

/// What an HTTP exchange needs besides the request: whom to trust, who we are.
public struct HTTPSecurity: Sendable, Equatable {
  /// PEM certificates of the authorities to trust; nil for the system's.
  public var certificateAuthority: Data?
  /// PEM client certificate and key.
  public var clientCertificate: Data?
  public var clientKey: Data?
  public var skipVerification = false
  /// http, https or socks5 proxy; nil for the environment's.
  public var proxy: String?
  /// Where to connect in place of the URL's host and port, as "host:port". The URL's host
  /// remains the name that the server's certificate must have.
  public var connectTo: String?

  public init() {}
}

/// An exchange that ended without a whole answer.
public struct HTTPError: Error, CustomStringConvertible, Sendable {
  public enum Kind: Sendable {
    /// No connection, or one that broke.
    case noAnswer
    /// The request has reached the limit of its time, or its connection was given up since
    /// nothing came on it any more. What the request asks for may have been done.
    case silence
    /// TLS: the server is not whom we trust, does not take our certificate, or broke the
    /// handshake off. Files are read again, so the same request may work later.
    case security
    /// The answer is larger than its limit.
    case tooLarge
    /// There is no credential to send the request with.
    case credential
  }

  public let kind: Kind
  public let reason: String
  public var description: String { reason }

  public init(_ kind: Kind = .noAnswer, reason: String) {
    self.kind = kind
    self.reason = reason
  }
}
