/// The comment of a host that was taken out of service because of its node: whose it is, why, and
/// what somebody had written there before. "pbs-connector CLUSTER: cordoned; before: new DIMM".
struct HostComment: Sendable, Equatable {
  private static let mark = "pbs-connector "
  private static let end = ": "
  private static let separator = "; before: "

  var cluster: String
  /// One of our own words, without ";".
  var reason: String
  /// Somebody's words, which stand there again when the host is given back; empty for none.
  var before = ""

  /// As text of at most `limit` octets; nil where another's words would not fit. A reason is
  /// cut off.
  func text(limit: Int) -> String? {
    let tail = before.isEmpty ? "" : Self.separator + before
    let head = Self.mark + cluster + Self.end
    let room = limit - head.utf8.count - tail.utf8.count
    guard room >= 0 else { return nil }
    return head + Self.cut(reason, room) + tail
  }

  /// Reads a comment; nil for one that is not of this cluster's connector.
  init?(_ text: String, cluster: String) {
    let head = Self.mark + cluster + Self.end
    // PBS's commands drop blanks at an end.
    guard text.hasPrefix(head) || text + " " == head else { return nil }
    let rest = text.dropFirst(head.count)
    self.cluster = cluster
    if let range = rest.firstRange(of: Self.separator) {
      reason = String(rest[..<range.lowerBound])
      before = String(rest[range.upperBound...])
    } else {
      reason = String(rest)
    }
  }

  init(cluster: String, reason: String, before: String) {
    self.cluster = cluster
    self.reason = reason
    self.before = before
  }

  private static func cut(_ text: String, _ octets: Int) -> String {
    var text = text
    while text.utf8.count > octets { text.removeLast() }
    return text
  }
}
