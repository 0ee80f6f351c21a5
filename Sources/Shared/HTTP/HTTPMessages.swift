import FoundationEssentials

/// One HTTP request.
public struct HTTPRequest: Sendable {
  public var method: String
  /// The whole URL.
  public var url: String
  /// Header lines, "Name: value".
  public var headers: [String]
  public var body: Data?
  /// Seconds for the whole exchange; nil for a stream without an end.
  public var timeout: Double?

  public init(
    method: String, url: String, headers: [String] = [], body: Data? = nil, timeout: Double? = 30
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }
}

/// One whole HTTP answer.
public struct HTTPResponse: Sendable {
  public var status: Int
  public var body: Data
  /// The Retry-After header in seconds, where the server sent one.
  public var retryAfter: Double?
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

  public init() {}
}

/// An exchange that ended without a whole answer.
public struct HTTPError: Error, CustomStringConvertible {
  /// In libcurl's words.
  public let reason: String
  public var description: String { reason }
}
