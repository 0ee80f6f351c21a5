import Logging
import Runtime

/// Warnings of single things that PBS tells, each said once until it is over.
@EventLoop
final class Complaints {
  /// How many things are remembered.
  private static let limit = 1000

  private let log: Logger
  private var said: Set<String> = []

  init(log: Logger) {
    self.log = log
  }

  /// Says it, unless that has been done.
  func say(of thing: String, _ words: String) {
    if said.count > Self.limit { said.removeAll() }
    guard said.insert(thing).inserted else { return }
    let name = thing.unicodeScalars.prefix(100).map { $0.escaped(asASCII: true) }.joined()
    log.warning("\(name): \(words)")
  }

  /// It is over.
  func end(of thing: String) {
    said.remove(thing)
  }
}
