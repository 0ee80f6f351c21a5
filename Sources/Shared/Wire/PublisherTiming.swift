/// How long a ``Publisher`` waits for its subscribers, in seconds.
public struct PublisherTiming: Sendable {
  /// Between pings, which a subscriber answers.
  public var ping = 1.0
  /// For which a ping confirms what the subscriber owns.
  public var ownership = 4.0
  /// Without a word, after which a subscriber's share moves on: longer than `ownership`, so that
  /// never two believe to own a pod.
  public var silence = 6.0
  /// For a client to say hello before it counts as an observer.
  public var hello = 0.2

  public init() {}
}
