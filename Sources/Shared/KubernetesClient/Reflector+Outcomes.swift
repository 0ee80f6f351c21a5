extension Reflector {
  /// What has become of an object.
  public enum Change: Sendable {
    case present(Object)
    case gone(Object)
  }

  /// What to do after a failure.
  public enum Reaction: Sendable {
    /// Say so, and try again with backoff.
    case retry
    /// The owner has said what there is to say, and what was listed counts no longer: list again
    /// after so many seconds.
    case listAgainQuietly(after: Double)
    case stop
  }
}

extension Reflector {
  /// Names an object that cannot be read, once.
  func complain(of object: UnreadableObject) {
    if unreadableNames.count > 1000 { unreadableNames.removeAll() }
    guard unreadableNames.insert(object.fullName).inserted else { return }
    log.error(
      "\(path): \(object.fullName) cannot be read and is left as it was: \(object.reason)")
  }
}
