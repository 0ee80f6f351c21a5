/// A resourceVersion of the API.
///
/// Decimal ones of one resource are etcd's revision, which only grows: a smaller one than before
/// means that etcd was restored from a backup, or that this is another cluster. (KEP-5504
/// "Comparable Resource Version"; older servers do the same without promising it.) Others cannot
/// be compared.
struct ResourceVersion: Sendable, Equatable, CustomStringConvertible {
  let description: String

  init(_ text: String) {
    description = text
  }

  /// Whether it is certainly older than another one.
  func isBefore(_ other: ResourceVersion) -> Bool {
    guard let own = UInt64(description), let others = UInt64(other.description) else {
      return false
    }
    return own < others
  }
}
