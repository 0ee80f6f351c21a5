/// How long a ``Reflector`` waits, in seconds.
public struct WatchTiming: Sendable {
  /// Without an octet, after which a watch is broken off. API servers send a bookmark about once
  /// a minute.
  public var silence: Double
  /// Between two looks at the server's version.
  public var checkInterval: Double

  public init(silence: Double, checkInterval: Double) {
    self.silence = silence
    self.checkInterval = checkInterval
  }

  /// For the answer to a watch to begin.
  static let answerWait = 15.0
  /// For the answer to a look at the version.
  static let checkWait = 10.0
  /// A list that was good for so long has helped: the next one is made at once.
  static let lasting = 30.0
  /// A watch that ends sooner, and without an event, has failed.
  static let shortest = 1.0
}
