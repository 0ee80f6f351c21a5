import FoundationEssentials

/// Times as the Kubernetes API writes them (RFC 3339, UTC).
public enum Timestamp {
  /// A moment in whole seconds: metav1.Time.
  public static func seconds(_ date: Date) -> String {
    date.formatted(.iso8601)
  }

  /// A moment in microseconds: metav1.MicroTime.
  public static func micro(_ date: Date) -> String {
    let whole = Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down))
    let micro = Int((date.timeIntervalSince1970 - whole.timeIntervalSince1970) * 1_000_000)
    let digits = String(micro)
    let padding = String(repeating: "0", count: max(0, 6 - digits.count))
    return whole.formatted(.iso8601).dropLast() + "." + padding + digits + "Z"
  }

  /// Reads either form; nil when it is neither.
  public static func parse(_ text: String) -> Date? {
    if let date = try? Date(text, strategy: .iso8601) { return date }
    return try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
