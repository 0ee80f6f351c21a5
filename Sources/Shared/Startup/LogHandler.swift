import ConnectorMetrics
import Logging

/// Writes "program: message" lines to standard error; supervisors add the time. What is
/// not just information says so: "program: warning: message".
struct LineLogHandler: LogHandler {
  let program: String
  var logLevel = Logger.Level.info
  var metadata = Logger.Metadata()

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    Metric.logLines.count(1, event.level.rawValue)
    let prefix =
      switch event.level {
      case .info, .notice: ""
      default: "\(event.level.rawValue): "
      }
    StandardError.print("\(program): \(prefix)\(event.message)")
  }
}
