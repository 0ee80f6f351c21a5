import Messages

/// What pods are told is compared with what their conditions say, not with what was once sent: other
/// brokers and binders tell them things, too.
extension Outbox {
  /// Whether a pod is told what it was to be told.
  enum Standing {
    /// As far as can be known: what is not answered yet is still on its way.
    case stands
    /// It was answered, and may show at any moment.
    case isToShow
    /// It should have shown by now, or somebody has told the pod something else since.
    case overdue
  }

  func standing(of entry: Entry) -> Standing {
    guard let message = entry.message, case .report = message, let answer = entry.answer,
      !shows(message)
    else { return .stands }
    guard let hearsSince = hearsSince(), clock.now - max(answer.at, hearsSince) >= entry.belief
    else { return .isToShow }
    return .overdue
  }

  func tellAgain(_ entry: Entry, _ uid: String, _ name: String) {
    complaints.warn(
      "pod \(name): its PodScheduled condition is not what it was told last: it is told again",
      cause: "of other conditions")
    entry.belief = min(entry.belief * 2, Self.longestBelief)
    ask(again: entry, uid)
  }
}
