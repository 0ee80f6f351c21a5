import ConnectorMetrics
import Logging

/// Writes a process's lines, and counts them.
struct LineLogHandler: LogHandler {
  let output: LogOutput
  let shared: LogLevel
  var metadata = Logger.Metadata()

  init(_ output: LogOutput, _ level: LogLevel) {
    self.output = output
    shared = level
  }

  var logLevel: Logger.Level {
    get { shared.level }
    set { shared.level = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    Metric.logLines.count(1, event.level.rawValue)
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }
      .sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    output.write(event.level, "\(event.message)", fields)
  }
}

extension Logger {
  /// A logger that writes to standard error as each process does.
  public static func lines(of program: String, level: Logger.Level) -> Logger {
    let output = LogOutput(program: program, format: .text)
    return Logger(label: program) { _ in LineLogHandler(output, LogLevel(level)) }
  }
}
