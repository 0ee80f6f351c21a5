import ManualTime

@testable import Runtime

/// What is wrong at present, and until when.
@EventLoop
final class Trouble {
  private let time: ManualClock
  private var ends: [Plan.Kind: Double] = [:]
  /// When the last of all faults ends, or has ended.
  private(set) var until = -Double.infinity

  init(_ time: ManualClock) {
    self.time = time
  }

  func isOn(_ kind: Plan.Kind) -> Bool { ends[kind].map { $0 > time.now } ?? false }

  func begin(_ kind: Plan.Kind, for seconds: Double) {
    ends[kind] = max(ends[kind] ?? 0, time.now + seconds)
    until = max(until, time.now + seconds)
  }

  /// Seconds for which nothing has been wrong.
  var calm: Double { time.now - until }
}
