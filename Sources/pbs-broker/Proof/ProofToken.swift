import Crypto
import FoundationEssentials

/// What a submission says of itself for PBS's server to believe it: that pbs-broker makes it, for
/// this pod, as this user of PBS. Its form stands in docs/hooks.md, "The token".
struct ProofToken: Sendable, Equatable {
  static let version = "1"

  var cluster: String
  var uid: String
  var namespace: String
  var name: String
  /// PBS's name for who submits, and the host that the connection comes from: "pbs-broker@pbsserver".
  var user: String
  /// Until when it counts, in seconds since 1970-01-01 UTC.
  var expiry: Int
  /// Never used again.
  var nonce: String

  /// The first part that has another form than the server's hook takes, by its name there; nil when
  /// all are well. (FIELDS in hooks/pbs_kubernetes_server/tokens.py.)
  var problem: String? {
    if !Self.isCluster(cluster) { return "cluster" }
    if !Self.isUID(uid) { return "uid" }
    if !Self.isNamespace(namespace) { return "namespace" }
    if !Self.isName(name) { return "name" }
    if !Self.isUser(user) { return "user" }
    if !(0...999_999_999_999).contains(expiry) { return "expiry" }
    if !Self.isNonce(nonce) { return "nonce" }
    return nil
  }

  /// The value of `-l k8s_token=`.
  /// - Parameters:
  ///   - select: the value of `-l select=` of the same submission, octet by octet.
  ///   - key: a key that PBS's server has.
  func text(select: String, key: SymmetricKey) -> String {
    let pod = [cluster, uid, namespace, name, user]
    let payload = (pod + ["\(expiry)", nonce]).joined(separator: "\n")
    let signed = ([Self.version] + pod + [select, "\(expiry)", nonce]).joined(separator: "\n")
    let signature = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: key)
    let parts = [Self.version, Self.base64url(Data(payload.utf8)), Self.base64url(Data(signature))]
    return parts.joined(separator: ".")
  }

  /// RFC 4648, section 5, without padding.
  static func base64url(_ octets: Data) -> String {
    let text = octets.base64EncodedString().utf8.compactMap { octet -> UInt8? in
      switch octet {
      case UInt8(ascii: "+"): UInt8(ascii: "-")
      case UInt8(ascii: "/"): UInt8(ascii: "_")
      case UInt8(ascii: "="): nil
      default: octet
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: What its parts may be

  static func isCluster(_ text: String) -> Bool {
    consists(text, 1...253) { isLetterOrDigit($0) || isOneOf("._-", $0) }
      && text.utf8.first.map(isLetterOrDigit) == true
  }

  static func isUID(_ text: String) -> Bool {
    consists(text, 1...64) { isLetterOrDigit($0) || isOneOf("-", $0) }
  }

  static func isNamespace(_ text: String) -> Bool {
    consists(text, 1...63) { isSmallOrDigit($0) || isOneOf("-", $0) }
      && isSmallOrDigit(atBothEndsOf: text)
  }

  static func isName(_ text: String) -> Bool {
    consists(text, 1...253) { isSmallOrDigit($0) || isOneOf(".-", $0) }
      && isSmallOrDigit(atBothEndsOf: text)
  }

  /// "pbs-broker@pbsserver".
  static func isUser(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    return parts.count == 2
      && consists(parts[0], 1...64) { $0 < 0x80 && !isOneOf("/ \t\n\u{B}\u{C}\r", $0) }
      && consists(parts[1], 1...255) { isLetterOrDigit($0) || isOneOf("._-", $0) }
  }

  static func isNonce(_ text: String) -> Bool {
    consists(text, 16...64) { isLetterOrDigit($0) || isOneOf("_-", $0) }
  }

  // Octet by octet, since each job that PBS tells of is looked at so, again and again: a Regex costs
  // a hundred times as much.
  private static func consists(
    _ text: some StringProtocol, _ lengths: ClosedRange<Int>, of isAllowed: (UInt8) -> Bool
  ) -> Bool {
    lengths.contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
  }

  private static func isOneOf(_ signs: StaticString, _ octet: UInt8) -> Bool {
    signs.withUTF8Buffer { $0.contains(octet) }
  }

  private static func isSmallOrDigit(_ octet: UInt8) -> Bool {
    (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
  }

  private static func isLetterOrDigit(_ octet: UInt8) -> Bool {
    isSmallOrDigit(octet) || (0x41...0x5A).contains(octet)
  }

  private static func isSmallOrDigit(atBothEndsOf text: String) -> Bool {
    text.utf8.first.map(isSmallOrDigit) == true && text.utf8.last.map(isSmallOrDigit) == true
  }
}
