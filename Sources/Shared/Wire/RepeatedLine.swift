import Logging

/// Log lines that a peer can cause as often as it likes: for each cause a few lines a minute, and
/// then one that says how many were left out.
@EventLoop
public final class RepeatedLine {
  /// Seconds for which lines of a cause are counted together.
  public static let interval = 60.0
  /// The most causes that are counted one by one; further ones are counted together.
  private static let most = 100

  private struct Count {
    var written = 0
    var leftOut = 0
    var last: String
  }

  private let log: Logger
  private let burst: Int
  private let interval: Double
  private var counts: [String: Count] = [:]
  private var timer: EventSource?
  private var isArmed = false

  /// - Parameters:
  ///   - burst: lines of one cause that are written within `interval`.
  ///   - interval: in seconds.
  public init(log: Logger, burst: Int = 1, interval: Double = RepeatedLine.interval) {
    self.log = log
    self.burst = burst
    self.interval = interval
    timer = EventSource.timer { [weak self] in self?.summarize() }
  }

  /// Writes a warning, or counts it where its cause has had its lines.
  public func warn(_ text: String, cause: String) {
    let cause = counts[cause] == nil && counts.count >= Self.most ? "others" : cause
    var count = counts[cause] ?? Count(last: text)
    count.last = text
    if count.written < burst {
      count.written += 1
      log.warning("\(text)")
    } else {
      count.leftOut += 1
    }
    counts[cause] = count
    guard !isArmed else { return }
    isArmed = true
    timer?.schedule(after: interval)
  }

  private func summarize() {
    isArmed = false
    for (_, count) in counts.sorted(by: { $0.key < $1.key }) where count.leftOut > 0 {
      log.warning(
        "\(count.last); \(count.leftOut) such lines were left out in \(String(rounded: interval)) s"
      )
    }
    // Where it goes on, this line was the one of the next interval.
    counts = counts.filter { $0.value.leftOut > 0 }
      .mapValues { Count(written: burst, last: $0.last) }
    guard !counts.isEmpty else { return }
    isArmed = true
    timer?.schedule(after: interval)
  }
}
