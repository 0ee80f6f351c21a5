/// The head of a request, as far as it matters.
enum MonitoringRequest: Equatable {
  case metrics, health, readiness
  /// What cannot be served, by its HTTP status.
  case refused(Int)

  /// Octets that a head may have.
  static let limit = 8192

  /// Reads the head of an HTTP/1 request (RFC 9112).
  /// - Returns: nil while it has not ended; and whether only the answer's head is wanted.
  static func parse(_ octets: [UInt8]) -> (request: MonitoringRequest, isHead: Bool)? {
    guard let end = headEnd(octets) else {
      return octets.count >= limit ? (.refused(431), false) : nil
    }
    let line = octets[..<end].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = String(decoding: line, as: UTF8.self).split(
      separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[2].hasPrefix("HTTP/1.") else { return (.refused(400), false) }
    guard words[0] == "GET" || words[0] == "HEAD" else { return (.refused(405), false) }
    let isHead = words[0] == "HEAD"
    switch words[1].prefix(while: { $0 != "?" }) {
    case "/metrics": return (.metrics, isHead)
    case "/healthz": return (.health, isHead)
    case "/readyz": return (.readiness, isHead)
    default: return (.refused(404), isHead)
    }
  }

  /// Where the empty line begins that ends the head.
  private static func headEnd(_ octets: [UInt8]) -> Int? {
    var lineStart = 0
    for (index, octet) in octets.enumerated() where octet == UInt8(ascii: "\n") {
      let line = octets[lineStart..<index]
      if line.isEmpty || line.elementsEqual([UInt8(ascii: "\r")]) { return lineStart }
      lineStart = index + 1
    }
    return nil
  }
}

/// What is answered.
struct MonitoringAnswer {
  var status: Int
  var body: String
  var mediaType = "text/plain; charset=utf-8"

  /// On the wire. A connection serves one request.
  func octets(isHead: Bool) -> [UInt8] {
    var head = "HTTP/1.1 \(status) \(Self.words[status] ?? "Error")\r\n"
    head += "Content-Type: \(mediaType)\r\n"
    head += "Content-Length: \(body.utf8.count)\r\n"
    if status == 405 { head += "Allow: GET, HEAD\r\n" }
    head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    return Array((isHead ? head : head + body).utf8)
  }

  private static let words = [
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    431: "Request Header Fields Too Large", 503: "Service Unavailable",
  ]
}
