import Messages

/// Paths of the Kubernetes API.
public enum KubernetesPath {
  /// A path of these segments, "/api/v1/namespaces/default/pods/redis". Each is percent-encoded,
  /// so that none can reach another object or become a query (RFC 3986, section 2).
  public static func of(_ segments: String...) -> String {
    segments.reduce(into: "") { path, segment in path += "/" + encoded(segment) }
  }

  /// The path of a pod's `subresource`, or of the pod itself.
  public static func pod(_ pod: PodReference, _ subresource: String? = nil) -> String {
    let path = of("api", "v1", "namespaces", pod.namespace, "pods", pod.name)
    return subresource.map { path + of($0) } ?? path
  }

  private static func encoded(_ segment: String) -> String {
    // "." and ".." are steps within a path, encoded or not (RFC 3986, section 6.2.2.3). Not a
    // name either; encoded twice, they are at least no step.
    if segment == "." || segment == ".." {
      return segment.replacing(".", with: "%252E")
    }
    if segment.utf8.allSatisfy(isUnreserved) { return segment }
    var result = ""
    for octet in segment.utf8 {
      if isUnreserved(octet) {
        result.unicodeScalars.append(UnicodeScalar(octet))
      } else {
        let digits = String(octet, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }

  /// RFC 3986, section 2.3.
  private static func isUnreserved(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      "-._~".utf8.contains(octet)
    }
  }
}
