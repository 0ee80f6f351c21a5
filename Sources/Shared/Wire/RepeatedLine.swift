import Logging
import Runtime
import Text

/// Log lines that a peer can cause as often as it likes: for each cause a few lines a minute, and
/// then one that says how many were left out.
@EventLoop
public final class RepeatedLine {
  /// Seconds for which lines of a cause are counted together.
  public static let interval = 60.0

  private let log: Logger
  private let interval: Double
  private var counts: LineCounts
  private var timer: (any Timer)?
  private var isArmed = false

  /// - Parameters:
  ///   - burst: lines of one cause that are written within `interval`.
  ///   - interval: in seconds.
  public init(
    clock: any Clock, log: Logger, burst: Int = 1, interval: Double = RepeatedLine.interval
  ) {
    self.log = log
    self.interval = interval
    counts = LineCounts(burst: burst)
    timer = clock.timer { [weak self] in self?.endInterval() }
  }

  /// Writes a warning, or counts it where its cause has had its lines.
  public func warn(_ text: String, cause: String) {
    if counts.add(text, cause: cause) { log.warning("\(text)") }
    arm()
  }

  private func endInterval() {
    isArmed = false
    for (last, leftOut) in counts.endInterval() {
      log.warning(
        "\(last); \(leftOut) such lines were left out in \(String(rounded: interval)) s")
    }
    arm()
  }

  private func arm() {
    guard !isArmed, !counts.isEmpty else { return }
    isArmed = true
    timer?.schedule(after: interval)
  }
}
