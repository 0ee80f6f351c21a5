/// Prometheus' text format 0.0.4. (Prometheus: "Exposition formats".)
extension MetricRegistry {
  /// The media type of ``text()``.
  public static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  /// All series as Prometheus reads them.
  public func text() -> String {
    var text = ""
    for (metric, series) in snapshot() where !series.isEmpty {
      let name = Self.name(metric.name)
      text += "# HELP \(name) \(Self.escaped(metric.help))\n"
      text += "# TYPE \(name) \(metric.kind.word)\n"
      for (values, value) in series {
        let labels = zip(metric.labels, values).map { key, value in
          "\(Self.name(key))=\"\(Self.escaped(value, quotes: true))\""
        }
        if case .histogram(let bounds) = metric.kind {
          Self.write(value, bounds, name, labels, &text)
        } else {
          text += "\(name)\(Self.braces(labels)) \(Self.number(value.number))\n"
        }
      }
    }
    return text
  }

  private static func write(
    _ value: Series.Value, _ bounds: [Double], _ name: String, _ labels: [String],
    _ text: inout String
  ) {
    var count = 0
    for (bound, number) in zip(bounds.map { Self.number($0) } + ["+Inf"], value.buckets) {
      count += number
      text += "\(name)_bucket\(braces(labels + ["le=\"\(bound)\""])) \(count)\n"
    }
    text += "\(name)_sum\(braces(labels)) \(number(value.number))\n"
    text += "\(name)_count\(braces(labels)) \(count)\n"
  }

  private static func braces(_ labels: [String]) -> String {
    labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
  }

  private static func escaped(_ text: String, quotes: Bool = false) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// What others than we name their metrics need not be a name of Prometheus.
  private static func name(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
  }
}

extension Metric.Kind {
  fileprivate var word: String {
    switch self {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }
}
