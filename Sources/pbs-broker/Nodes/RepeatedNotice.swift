import Logging
import Runtime

/// Warnings about things that last: each is written when it begins, and when its words change.
@EventLoop
final class RepeatedNotice {
  private let log: Logger
  private var said: [String: String] = [:]

  init(log: Logger) {
    self.log = log
  }

  func say(_ words: String, of subject: String) {
    if said.updateValue(words, forKey: subject) != words { log.warning("\(words)") }
    if said.count > 10_000 { said.removeAll() }
  }

  func end(of subject: String) { said[subject] = nil }
}
