import Kubernetes

/// After a wait one pod tries first. Once a kubelet has taken it two may, then four, and so on: of many
/// that waited together few are rejected again. A trial of which nothing is heard for long counts as
/// one that went well, since its job may wait for its turn in PBS.
extension RejectionBackoff {
  /// Seconds for which others wait for the outcome of a trial.
  static let trialPatience = 60.0

  /// A pod goes on after a wait: others wait until it is known what becomes of it.
  /// - Parameter asked: what it asks for; nil where that does not matter.
  mutating func tries(_ key: Key, pod uid: String, asked: Amounts? = nil, now: Double) {
    guard var entry = entries[key], entry.needsTrials(now), entry.concerns(asked),
      entry.trials[uid] == nil
    else { return }
    if case .request = key { return }
    for (other, since) in entry.trials where now - since >= Self.trialPatience {
      entry.trials[other] = nil
      forgetTrial(of: other, key)
      entry.passed += 1
    }
    entry.trials[uid] = now
    entries[key] = entry
    trials[uid, default: []].insert(key)
  }

  /// Nothing is to be learned from a pod any more: it is gone, was rejected, or is not tried after all.
  /// - Parameter only: of this alone; nil for all.
  mutating func endTrials(of uid: String, only: Key? = nil) {
    for key in trials[uid] ?? [] where only == nil || key == only {
      entries.endTrial(of: uid, key)
      forgetTrial(of: uid, key)
    }
  }

  mutating func forgetTrial(of uid: String, _ key: Key) {
    trials[uid]?.remove(key)
    if trials[uid]?.isEmpty == true { trials[uid] = nil }
  }
}

extension RejectionTable.Entry {
  /// Whether it is too early for all to go on at once.
  func needsTrials(_ now: Double) -> Bool { now >= until && !isCalm(now) }

  /// When the next pod may go on at the latest, since as many as may try do so; nil when it may now.
  func trialsEnd(besides uid: String?, now: Double) -> Double? {
    guard !trials.isEmpty, needsTrials(now), uid.flatMap({ trials[$0] }) == nil else { return nil }
    let ends = trials.values.map { $0 + RejectionBackoff.trialPatience }.filter { $0 > now }
    let unheard = trials.count - ends.count
    guard ends.count > passed + unheard else { return nil }
    return ends.min()
  }
}

extension RejectionTable {
  mutating func endTrial(of uid: String, _ key: Key) {
    guard self[key]?.trials[uid] != nil else { return }
    self[key]?.trials[uid] = nil
  }
}
