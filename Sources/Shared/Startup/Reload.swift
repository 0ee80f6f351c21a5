import Logging
import Runtime

/// What can be changed while a process runs: how much it logs.
struct Reload: Sendable {
  let program: String
  /// The configuration file's, where a flag says it.
  let path: String?
  /// The log level that a flag says, which stands before the file's.
  let flag: String?
  let level: LogLevel

  /// Reads the configuration again: whole, or not at all.
  @EventLoop func run(_ log: Logger) {
    do {
      let settings = try Settings(path: path, program: program)
      let wanted = try LogLevel.read(settings.text("log-level", flag: flag))
      let words = try Process.onReload?(settings) ?? "other settings are read at the start only"
      level.configure(wanted)
      log.notice(
        "read the configuration again: log-level is \(level.level.rawValue); \(words)")
    } catch {
      log.error("\(StartupError.text(of: error)); all stays as it was")
    }
  }

  /// Logs more, or as much as configured again.
  func toggleDebug(_ log: Logger) {
    let now = level.toggleDebug()
    log.notice("log-level is \(now.rawValue) now, by signal")
  }
}
