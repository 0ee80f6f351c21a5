import CoreMetrics
import Synchronization

/// Holds all series of a process, and writes them as Prometheus reads them: the exporter behind
/// swift-metrics' API.
///
/// Their number is bounded, whatever users name their namespaces: the first so many keep their
/// names in the label `namespace`, all others are "other"; and beyond a limit of series of one
/// metric, values are left out and counted.
public final class MetricRegistry: Sendable {
  public struct Limits: Sendable {
    /// Namespaces that are told apart.
    public var namespaces = 50
    /// Series of one metric.
    public var series = 1000

    public init(namespaces: Int = 50) {
      self.namespaces = namespaces
    }
  }

  struct Family {
    var metric: Metric
    /// By the labels' values.
    var series: [[String]: Series] = [:]
  }

  private struct State {
    var families: [String: Family] = [:]
    var namespaces: Set<String> = []
  }

  /// The value of the label `namespace` for those beyond the limit.
  public static let otherNamespaces = "other"

  private let limits: Limits
  private let state: Mutex<State>

  /// - Parameter metrics: those that there are; of those without labels, 0 is told from the start.
  public init(_ metrics: [Metric], limits: Limits = Limits()) {
    self.limits = limits
    var families: [String: Family] = [:]
    for metric in metrics {
      var family = Family(metric: metric)
      if metric.labels.isEmpty { family.series[[]] = Series(bounds: metric.kind.bounds) }
      families[metric.name] = family
    }
    state = Mutex(State(families: families))
  }

  /// Lets a gauge have these series and no others.
  /// - Parameter values: by the labels' values, in the labels' order. Those that become one, being
  ///   of namespaces beyond the limit, are added up.
  public func replace(_ metric: Metric, _ values: [[String]: Double]) {
    let all = state.withLock { state in
      state.families[metric.name]?.series = [:]
      return values.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, value in
        (series(Array(zip(metric.labels, key)), metric, &state), value)
      }
    }
    for (series, value) in all { series.increment(by: value) }
  }

  /// All families that are known, by name, with their series by label values: a moment's view.
  func snapshot() -> [(metric: Metric, series: [(labels: [String], value: Series.Value)])] {
    state.withLock { $0.families.values.sorted { $0.metric.name < $1.metric.name } }.map { family in
      let series = family.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      return (family.metric, series.map { ($0.key, $0.value.value) })
    }
  }

  private func series(
    _ label: String, _ dimensions: [(String, String)], _ kind: Metric.Kind
  ) -> Series {
    state.withLock { state in
      // What others than we count through swift-metrics has no entry of ours.
      let metric =
        state.families[label]?.metric
        ?? Metric(label, kind, "A metric of a library", labels: dimensions.map(\.0))
      return series(dimensions, metric, &state)
    }
  }

  private func series(
    _ dimensions: [(String, String)], _ metric: Metric, _ state: inout State
  ) -> Series {
    let values = dimensions.map { key, value in
      key == "namespace" ? folded(value, &state.namespaces) : value
    }
    var family = state.families[metric.name] ?? Family(metric: metric)
    if let known = family.series[values] { return known }
    guard family.series.count < limits.series, values.count == metric.labels.count else {
      let dropped = state.families[Metric.droppedSeries.name]?.series[[]]
      dropped?.increment(by: Int64(1))
      return Series(bounds: metric.kind.bounds)
    }
    let new = Series(bounds: metric.kind.bounds)
    family.series[values] = new
    state.families[metric.name] = family
    return new
  }

  private func folded(_ namespace: String, _ known: inout Set<String>) -> String {
    if known.contains(namespace) || namespace.isEmpty { return namespace }
    guard known.count < limits.namespaces else { return Self.otherNamespaces }
    known.insert(namespace)
    return namespace
  }
}

extension MetricRegistry: MetricsFactory {
  public func makeCounter(
    label: String, dimensions: [(String, String)]
  ) -> any CounterHandler {
    series(label, dimensions, .counter)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, dimensions, .counter)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, dimensions, .gauge)
  }

  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    series(label, dimensions, aggregate ? .calls : .gauge)
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, dimensions, .calls)
  }

  // A series stays until the process ends: what has been counted is not forgotten.
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}
}

extension Metric.Kind {
  var bounds: [Double] {
    if case .histogram(let bounds) = self { bounds } else { [] }
  }
}
