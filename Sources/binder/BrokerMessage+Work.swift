import Messages
import Text

/// A broker's message as work to be done.
extension BrokerMessage {
  /// The urgency of reports.
  static let reports = 2
  /// The urgency of what is not answered.
  static let unanswered = 3

  /// The message's type and job, as an outcome repeats them.
  var kind: (request: String, job: String?) {
    switch self {
    case .bind(let bind): ("bind", bind.job)
    case .evict(let evict): ("evict", evict.job)
    case .report(let report): ("report", report.job)
    case .withdraw: ("withdraw", nil)
    case .markNode: ("mark-node", nil)
    case .noteNode: ("note-node", nil)
    case .unknown: ("message", nil)
    }
  }

  /// Bindings go first, then deletions, then reports.
  var urgency: Int {
    switch self {
    case .bind: 0
    case .evict: 1
    case .report: Self.reports
    case .withdraw, .markNode, .noteNode, .unknown: Self.unanswered
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
    case .bind, .withdraw, .markNode, .noteNode, .unknown:
      return self
    }
  }
}
