import Logging
import Synchronization

/// The level of all loggers of a process, which a signal or a reload changes.
final class LogLevel: Sendable {
  private let current: Mutex<Logger.Level>
  private let configured: Mutex<Logger.Level>

  init(_ level: Logger.Level) {
    current = Mutex(level)
    configured = Mutex(level)
  }

  var level: Logger.Level {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }

  /// The configuration says so: in force from now on.
  func configure(_ level: Logger.Level) {
    configured.withLock { $0 = level }
    self.level = level
  }

  /// Debug, or what is configured where it is debug already.
  /// - Returns: the level from now on.
  func toggleDebug() -> Logger.Level {
    let configured = configured.withLock { $0 }
    level = level == .debug && configured != .debug ? configured : .debug
    return level
  }

  /// - Throws: ``StartupError`` for a word that is no level.
  static func read(_ text: String?) throws -> Logger.Level {
    guard let text else { return .info }
    guard let level = Logger.Level(rawValue: text) else {
      let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw StartupError("log-level: \(text) is none of \(known)")
    }
    return level
  }
}
