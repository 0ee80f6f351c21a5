import CoreMetrics

/// A family of time series: its name by Prometheus' conventions (base units, `_total` for
/// counters), what it tells, and its labels. All of them stand in the files `Metric+*.swift`, and
/// in docs/metrics.md.
///
/// What happens is counted where it happens, through swift-metrics' API; while no exporter runs,
/// that does nothing.
public struct Metric: Sendable {
  public enum Kind: Sendable, Equatable {
    /// Only grows.
    case counter
    case gauge
    /// Counts in buckets with these upper bounds, in rising order.
    case histogram([Double])
  }

  public let name: String
  public let kind: Kind
  /// One sentence, without its full stop.
  public let help: String
  public let labels: [String]

  init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
    self.name = name
    self.kind = kind
    self.help = help
    self.labels = labels
  }

  /// Adds to a counter.
  /// - Parameter values: the labels' values, in their order.
  public func count(_ amount: Int = 1, _ values: String...) {
    Counter(label: name, dimensions: dimensions(values)).increment(by: amount)
  }

  /// Puts one value (of seconds) into a histogram.
  public func observe(_ value: Double, _ values: String...) {
    Recorder(label: name, dimensions: dimensions(values), aggregate: true).record(value)
  }

  /// Sets a gauge.
  public func set(_ value: Double, _ values: String...) {
    Meter(label: name, dimensions: dimensions(values)).set(value)
  }

  /// Sets a gauge to 1 or 0.
  public func set(_ value: Bool) {
    Meter(label: name, dimensions: dimensions([])).set(value ? 1 : 0)
  }

  private func dimensions(_ values: [String]) -> [(String, String)] {
    precondition(values.count == labels.count, "\(name): a value for each label")
    return Array(zip(labels, values))
  }
}

extension Metric.Kind {
  /// Calls to a server: 1 ms to 1 min.
  static let calls = Self.histogram([
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ])
  /// Waits of pods, which may queue for days: half a second to a week.
  static let waits = Self.histogram([
    0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400, 604_800,
  ])
}
