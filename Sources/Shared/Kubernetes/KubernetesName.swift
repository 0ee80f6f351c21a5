/// Kubernetes' own rules for names, for whatever is decoded from a peer or a server: what is not
/// a name by these rules is no object of a Kubernetes cluster, and goes into no URL and no job.
public enum KubernetesName {
  /// The most octets of a label (RFC 1123, section 2.1; RFC 1035).
  public static let longestLabel = 63
  /// The most octets of a subdomain: the limit of a DNS name.
  public static let longestSubdomain = 253
  /// The most octets of a UID. API servers give RFC 4122 UUIDs of 36; kubelets give static pods
  /// the 32 hexadecimal digits of an MD5.
  public static let longestUID = 64

  /// Whether this is an RFC 1123 label: a namespace. Lowercase letters, digits and "-", with a
  /// letter or digit at both ends.
  /// (apimachinery/pkg/util/validation, IsDNS1123Label.)
  public static func isLabel(_ text: String) -> Bool {
    let octets = text.utf8
    guard let first = octets.first, let last = octets.last, octets.count <= longestLabel
    else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
      && octets.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  /// Whether this is an RFC 1123 subdomain: a pod, a node. Parts like labels between dots, but
  /// each of any length.
  /// (apimachinery/pkg/util/validation, IsDNS1123Subdomain.)
  public static func isSubdomain(_ text: String) -> Bool {
    let octets = Array(text.utf8)
    guard !octets.isEmpty, octets.count <= longestSubdomain else { return false }
    return octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { part in
        guard let first = part.first, let last = part.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
          && part.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
      }
  }

  /// Whether this can be an object's UID: letters, digits, "-" and ".", with a letter or digit
  /// at both ends. The API calls UIDs opaque; these are all that servers and kubelets give.
  public static func isUID(_ text: String) -> Bool {
    let octets = text.utf8
    guard let first = octets.first, let last = octets.last, octets.count <= longestUID
    else { return false }
    return isLetterOrDigit(first) && isLetterOrDigit(last)
      && octets.allSatisfy {
        isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
      }
  }

  /// Whether this can be a label's value: at most 63 letters, digits, "-", "_" and ".", with a letter
  /// or digit at both ends; or nothing.
  /// (apimachinery/pkg/util/validation, IsValidLabelValue.)
  public static func isLabelValue(_ text: String) -> Bool {
    text.isEmpty || isNamePart(text)
  }

  /// Whether this can be a label's or a taint's key: "disk", "example.org/disk".
  /// (apimachinery/pkg/util/validation, IsQualifiedName.)
  public static func isQualifiedName(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    switch parts.count {
    case 1: return isNamePart(parts[0])
    case 2: return isSubdomain(parts[0]) && isNamePart(parts[1])
    default: return false
    }
  }

  private static func isNamePart(_ text: String) -> Bool {
    let octets = text.utf8
    guard let first = octets.first, let last = octets.last, octets.count <= longestLabel
    else { return false }
    return isLetterOrDigit(first) && isLetterOrDigit(last)
      && octets.allSatisfy { isLetterOrDigit($0) || "-_.".utf8.contains($0) }
  }

  private static func isAlphanumeric(_ octet: UInt8) -> Bool {
    (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
  }

  private static func isLetterOrDigit(_ octet: UInt8) -> Bool {
    isAlphanumeric(octet) || (0x41...0x5A).contains(octet)
  }
}
