import Messages

/// A broker's message with the number that its outcome repeats.
struct NumberedMessage: Encodable, Sendable {
  var id: Int
  var message: BrokerMessage

  private enum Key: CodingKey { case id }

  func encode(to encoder: any Encoder) throws {
    try message.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(id, forKey: .id)
  }
}

extension BrokerMessage {
  /// Whether it asks for what kube-watcher then shows.
  var changesPod: Bool {
    switch self {
    case .bind, .evict: true
    case .report, .withdraw, .markNode, .noteNode, .selectNode, .unknown: false
    }
  }

  /// Whether an outcome is about a message of this kind and job.
  func isAnswered(by outcome: BinderMessage.Outcome) -> Bool {
    switch self {
    case .bind, .evict, .report: outcome.request == kind?.rawValue && outcome.job == job
    case .withdraw, .markNode, .noteNode, .selectNode, .unknown: false
    }
  }
}
