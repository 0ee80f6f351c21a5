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
    if !Self.matches(user, /[^@\s\/]{1,64}@[A-Za-z0-9._-]{1,255}/) { return "user" }
    if !(0...999_999_999_999).contains(expiry) { return "expiry" }
    if !Self.matches(nonce, /[A-Za-z0-9_-]{16,64}/) { return "nonce" }
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
    matches(text, /[A-Za-z0-9][A-Za-z0-9._-]{0,252}/)
  }

  static func isUID(_ text: String) -> Bool { matches(text, /[A-Za-z0-9-]{1,64}/) }

  static func isNamespace(_ text: String) -> Bool {
    matches(text, /[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?/)
  }

  static func isName(_ text: String) -> Bool {
    matches(text, /[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)
  }

  private static func matches(_ text: String, _ rule: Regex<Substring>) -> Bool {
    // Some signs outside of ASCII count as equal to letters of it.
    text.utf8.allSatisfy { $0 < 0x80 } && text.wholeMatch(of: rule) != nil
  }
}
