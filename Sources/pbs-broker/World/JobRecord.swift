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

  /// A pod may be bound to it; a suspended job keeps its host.
  var isOnHost: Bool { job.isRunning || job.isSuspended }
}
