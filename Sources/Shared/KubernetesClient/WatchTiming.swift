/// How long a ``Reflector`` waits, in seconds.
public struct WatchTiming: Sendable {
  /// Without an octet, after which a watch is broken off. API servers send a bookmark about once
  /// a minute.
  public var silence: Double
  /// Between two looks at the server's version.
  public var checkInterval: Double
  /// From one list to the next at most, where lists are quick.
  public var listInterval: Double

  public init(silence: Double, checkInterval: Double, listInterval: Double = 600) {
    self.silence = silence
    self.checkInterval = checkInterval
    self.listInterval = listInterval
  }

  /// A server that has not answered for so long may have been restored from a backup.
  static let outage = 5.0
  /// Lists take one part in so many of the time, however long each takes.
  static let listShare = 300.0

  /// For the answer to a watch to begin.
  static let answerWait = 15.0
  /// For the answer to a look at the version.
  static let checkWait = 10.0
  /// A list that was good for so long has helped: the next one is made at once.
  static let lasting = 30.0
  /// A watch that ends sooner, and without an event, has failed.
  static let shortest = 1.0
}
