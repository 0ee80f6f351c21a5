import Logging

/// What can be changed while a process runs: how much it logs.
struct Reload: Sendable {
  let program: String
  /// The configuration file's, where a flag says it.
  let path: String?
  /// The log level that a flag says, which stands before the file's.
  let flag: String?
  let level: LogLevel

  /// Reads the configuration again.
  func run(_ log: Logger) {
    do {
      let settings = try Settings(path: path, program: program)
      level.configure(try LogLevel.read(settings.text("log-level", flag: flag)))
      log.notice(
        "read the configuration again: log-level is \(level.level.rawValue); other settings are read at the start only"
      )
    } catch {
      log.error("\(error); all stays as it was")
    }
  }

  /// Logs more, or as much as configured again.
  func toggleDebug(_ log: Logger) {
    let now = level.toggleDebug()
    log.notice("log-level is \(now.rawValue) now, by signal")
  }
}
