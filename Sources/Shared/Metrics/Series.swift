import CoreMetrics
import Synchronization

/// One time series. Thread-safe, as swift-metrics asks of handlers.
final class Series: Sendable {
  struct Value: Equatable {
    /// A counter's or gauge's value; a histogram's sum.
    var number = 0.0
    /// A histogram's: how many values fell into each bucket, the last one without a bound.
    var buckets: [Int] = []
  }

  private let bounds: [Double]
  private let content: Mutex<Value>

  /// - Parameter bounds: a histogram's upper bounds; empty for the other kinds.
  init(bounds: [Double]) {
    self.bounds = bounds
    content = Mutex(
      Value(buckets: bounds.isEmpty ? [] : Array(repeating: 0, count: bounds.count + 1)))
  }

  var value: Value { content.withLock { $0 } }

  private func add(_ amount: Double) {
    content.withLock { $0.number += amount }
  }

  private func replace(_ number: Double) {
    content.withLock { $0.number = number }
  }

  private func observe(_ number: Double) {
    guard !bounds.isEmpty else { return replace(number) }
    let bucket = bounds.firstIndex { number <= $0 } ?? bounds.count
    content.withLock {
      $0.number += number
      $0.buckets[bucket] += 1
    }
  }
}

extension Series: CounterHandler, FloatingPointCounterHandler {
  func increment(by amount: Int64) { add(Double(amount)) }
  func reset() { replace(0) }
}

extension Series: MeterHandler {
  func set(_ value: Int64) { replace(Double(value)) }
  func set(_ value: Double) { replace(value) }
  func increment(by amount: Double) { add(amount) }
  func decrement(by amount: Double) { add(-amount) }
}

extension Series: RecorderHandler, TimerHandler {
  func record(_ value: Int64) { observe(Double(value)) }
  func record(_ value: Double) { observe(value) }
  func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }
}
