/// What the broker knows of one job of a pod of ours that has not ended. Moments are seconds on
/// the monotonic clock.
struct JobRecord: Sendable {
  var job: Job
  /// When it was told by PBS, or by qsub, first.
  var addedAt: Double
  /// When PBS told all of it last; 0 while only qsub has.
  var statAt = 0.0
  /// When the command that told it last began, so that what it says is not older.
  var statBegan = 0.0
  /// Since when its host has been expected to report (substate 41); nil while it is not.
  var startingSince: Double?
  /// Its start has been logged.
  var isAnnounced = false
  /// PBS does not know it, with many others: whether it has ended is not confirmed.
  var isUnconfirmed = false

  /// Of when what is known of it is, at the least.
  var knownAt: Double { statAt > 0 ? statBegan : addedAt }

  /// Seconds for which PBS may be silent on why a job does not run: comments are asked for every 10 s.
  private static let silence = 20.0

  /// Whether PBS has not said for long enough why it does not run, if it has not.
  func isUnexplained(_ now: Double) -> Bool {
    guard statAt > 0 else { return false }
    let since = job.isRunning ? startingSince : addedAt
    return since.map { now - $0 >= Self.silence } ?? false
  }

  /// A pod may be bound to it; a suspended job keeps its host.
  var isOnHost: Bool { job.isRunning || job.isSuspended }
}
