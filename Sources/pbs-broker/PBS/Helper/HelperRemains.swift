import Runtime
import Wire

/// Helpers of one user that were ended, and may be there still: without CAP_KILL pbs-broker cannot
/// kill another user's process, and one that he has stopped does not end with its socket. While there
/// is one he gets no other, or each try would leave one more behind.
@EventLoop
final class HelperRemains {
  private var processes: [(process: HelperProcess, endedAt: Double)] = []

  func add(_ process: HelperProcess, now: Double) {
    processes.append((process, now))
  }

  /// Since when there is one that should not be there, monotonic; nil while there is none.
  var since: Double? {
    processes.removeAll { !$0.process.isRunning }
    return processes.first?.endedAt
  }
}
