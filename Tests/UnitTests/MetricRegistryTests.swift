import CoreMetrics
import Testing

@testable import ConnectorMetrics

/// Counting through swift-metrics' API, and Prometheus' text format.
struct MetricRegistryTests {
  private static let requests = Metric(
    "test_requests_total", .counter, "Requests", labels: ["namespace", "result"])
  private static let depth = Metric("test_depth", .gauge, "Depth of \\ and\na line")
  private static let waits = Metric("test_wait_seconds", .histogram([1, 2.5]), "Waits")

  private let registry = MetricRegistry(
    [requests, depth, waits, .droppedSeries], limits: .init(namespaces: 2))

  private func count(_ namespace: String, _ result: String) {
    Counter(
      label: "test_requests_total", dimensions: [("namespace", namespace), ("result", result)],
      factory: registry
    ).increment()
  }

  private func lines(_ prefix: String) -> [String] {
    registry.text().split(separator: "\n").map(String.init).filter { $0.hasPrefix(prefix) }
  }

  @Test func countersOfOneSeriesAreOne() {
    count("a", "ok")
    count("a", "ok")
    count("a", "bad \"quoted\\\n")
    #expect(
      lines("test_requests_total") == [
        #"test_requests_total{namespace="a",result="bad \"quoted\\\n"} 1"#,
        #"test_requests_total{namespace="a",result="ok"} 2"#,
      ])
  }

  @Test func whatHasNoLabelsIsThereFromTheStart() {
    #expect(lines("test_depth") == ["test_depth 0"])
    #expect(lines("# HELP test_depth") == [#"# HELP test_depth Depth of \\ and\na line"#])
    #expect(lines("# TYPE test_wait") == ["# TYPE test_wait_seconds histogram"])
  }

  @Test func aHistogramCountsUpToEachBound() {
    let recorder = Recorder(label: "test_wait_seconds", factory: registry)
    for value in [0.5, 1, 2, 7] { recorder.record(value) }
    #expect(
      lines("test_wait_seconds") == [
        #"test_wait_seconds_bucket{le="1"} 2"#, #"test_wait_seconds_bucket{le="2.5"} 3"#,
        #"test_wait_seconds_bucket{le="+Inf"} 4"#, "test_wait_seconds_sum 10.5",
        "test_wait_seconds_count 4",
      ])
  }

  @Test func namespacesBeyondTheLimitAreOne() {
    for namespace in ["a", "b", "c", "d", "a"] { count(namespace, "ok") }
    #expect(
      lines("test_requests_total") == [
        #"test_requests_total{namespace="a",result="ok"} 2"#,
        #"test_requests_total{namespace="b",result="ok"} 1"#,
        #"test_requests_total{namespace="other",result="ok"} 2"#,
      ])
  }

  @Test func aGaugeHasTheSeriesThatItWasGivenLast() {
    let gauge = Metric("test_pods", .gauge, "Pods", labels: ["namespace"])
    let registry = MetricRegistry([gauge], limits: .init(namespaces: 1))
    registry.replace(gauge, [["a"]: 3, ["b"]: 1, ["c"]: 2])
    registry.replace(gauge, [["b"]: 5, ["c"]: 7])
    #expect(registry.text().hasSuffix("test_pods{namespace=\"other\"} 12\n"))
    #expect(!registry.text().contains("\"a\""))
  }

  @Test func seriesBeyondTheLimitAreLeftOutAndCounted() {
    for number in 1...1010 { count("a", "\(number)") }
    #expect(lines("test_requests_total").count == 1000)
    #expect(
      lines("pbs_connector_dropped_series_total") == ["pbs_connector_dropped_series_total 10"])
  }

  @Test(arguments: ["kube-watcher", "pbs-broker", "binder"])
  func namesFollowPrometheusAndStandOnce(_ program: String) {
    let all = Metric.all(of: program)
    #expect(Set(all.map(\.name)).count == all.count)
    for metric in all {
      #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"), "\(metric.name)")
      #expect(!metric.help.hasSuffix("."), "\(metric.name)")
    }
  }

  @Test func theKernelSaysWhatTheProcessUses() {
    let usage = ProcessUsage.now()
    #expect(usage.cpu > 0 && usage.descriptors > 2 && usage.mostDescriptors > 2)
    #expect(usage.resident > 1_000_000 && usage.virtual > usage.resident)
    #expect(usage.started > 1e9)
  }
}
