import ManualTime

@testable import Runtime

/// What is wrong at present, and until when.
@EventLoop
final class Trouble {
  /// Something that is wrong: with a process of this name, or everywhere.
  private struct Place: Hashable {
    var kind: Plan.Kind
    var name: String
  }

  private let time: ManualClock
  private var ends: [Place: Double] = [:]
  /// When the last of a kind ends, or has ended.
  private var lasts: [Plan.Kind: Double] = [:]
  /// When the last of all faults ends, or has ended.
  private(set) var until = -Double.infinity

  init(_ time: ManualClock) {
    self.time = time
  }

  func isOn(_ kind: Plan.Kind, of name: String = "") -> Bool {
    ends[Place(kind: kind, name: name)].map { $0 > time.now } ?? false
  }

  func begin(_ kind: Plan.Kind, of name: String = "", for seconds: Double) {
    let end = time.now + seconds
    let place = Place(kind: kind, name: name)
    ends[place] = max(ends[place] ?? 0, end)
    lasts[kind] = max(lasts[kind] ?? 0, end)
    until = max(until, end)
  }

  /// Something is still wrong that an administrator is to end.
  func goesOn() { until = max(until, time.now) }

  /// Whether one of these was on at some time of the last seconds.
  func wasOn(_ kinds: Set<Plan.Kind>, within seconds: Double) -> Bool {
    kinds.contains { (lasts[$0] ?? -.infinity) > time.now - seconds }
  }

  /// Seconds for which nothing has been wrong.
  var calm: Double { time.now - until }
}
