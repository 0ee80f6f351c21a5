/// The parts of an API server's URL, "https://host:port/path".
struct ServerAddress: Equatable {
  /// "http" or "https".
  let scheme: String
  /// An IPv6 address in brackets, as in the URL.
  let host: String
  /// As written, or the scheme's.
  let port: Int
  /// Host and port as written, for the Host header.
  let authority: String
  /// "" or "/path", without a slash at its end.
  let path: String

  /// nil for what is no such URL. User names, queries and fragments are none of an API server's.
  init?(_ url: String) {
    guard let scheme = ["https", "http"].first(where: { url.hasPrefix("\($0)://") }) else {
      return nil
    }
    let rest = url.dropFirst(scheme.count + 3)
    let authority = rest.prefix { $0 != "/" }
    guard rest.allSatisfy({ $0.isASCII && !$0.isWhitespace && !"@?#\\\"<>".contains($0) }) else {
      return nil
    }
    let bracket = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : nil
    let hostEnd =
      bracket.map(authority.index(after:)) ?? authority.firstIndex(of: ":") ?? authority.endIndex
    let portText = authority[hostEnd...]
    guard hostEnd > authority.startIndex else { return nil }
    if portText.isEmpty {
      port = scheme == "https" ? 443 : 80
    } else {
      guard portText.first == ":", let number = Int(portText.dropFirst()),
        (1...65535).contains(number)
      else { return nil }
      port = number
    }
    self.scheme = scheme
    host = String(authority[..<hostEnd])
    self.authority = String(authority)
    var path = rest[authority.endIndex...]
    while path.last == "/" { path = path.dropLast() }
    self.path = String(path)
  }
}
