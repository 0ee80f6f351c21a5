import Messages
import Text

/// A broker's message as work to be done.
extension BrokerMessage {
  /// The urgency of reports.
  static let reports = 2
  /// The urgency of what is not answered.
  static let unanswered = 3

  /// The message's type, as an outcome repeats it.
  var request: String { kind?.rawValue ?? "message" }

  /// Bindings go first, then deletions, then reports.
  var urgency: Int {
    switch self {
    case .bind: 0
    case .evict: 1
    case .report: Self.reports
    case .withdraw, .markNode, .noteNode, .selectNode, .unknown: Self.unanswered
    }
  }

  /// With no more of its text than is ever written.
  var shortened: BrokerMessage {
    let limit = max(PlainText.eventLimit, PlainText.conditionLimit)
    switch self {
    case .evict(var evict):
      evict.message = PlainText.escaped(evict.message, limit: limit)
      return .evict(evict)
    case .report(var report):
      report.message = PlainText.escaped(report.message, limit: limit)
      return .report(report)
    case .bind, .withdraw, .markNode, .noteNode, .selectNode, .unknown:
      return self
    }
  }
}
