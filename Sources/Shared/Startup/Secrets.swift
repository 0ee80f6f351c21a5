/// What must not be logged, whoever has put it into a message. That it is not put there is the
/// callers' duty; this is the second line.
enum Secrets {
  /// The text with tokens and keys left out.
  static func masked(_ text: String) -> String {
    var text = text
    // A JSON Web Token: each of its parts is base64url, and the first begins with {".
    if text.contains("eyJ") {
      text = text.replacing(
        /eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]*)?/, with: "(token)")
    }
    if text.contains("earer ") {
      text = text.replacing(/([Bb]earer) [A-Za-z0-9_\-.~+\/=]{8,}/) { "\($0.1) (token)" }
    }
    if text.contains("-----BEGIN") {
      text = text.replacing(/-----BEGIN (?s:.*?)(-----END [A-Z ]*-----|$)/, with: "(PEM)")
    }
    return text
  }
}
