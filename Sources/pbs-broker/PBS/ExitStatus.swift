/// What an Exit_status of PBS means where PBS ended the job itself, or the job did not get to run
/// (PBS's job.h). The hook of the execution hosts has the same words (exit_words.py).
struct ExitStatus: Sendable, CustomStringConvertible {
  /// The attribute Exit_status: negative where PBS ended the job, 256 and a signal's number where a
  /// signal did, otherwise the job's own.
  var code: Int

  /// Why PBS ended the job, where PBS itself has the number only; nil where the job's comment says
  /// so, or where the job ended by itself.
  var reason: String? { Self.reasons[code] }

  /// "Exit_status -29", with the reason where there is one.
  var description: String { "Exit_status \(code)" + (reason.map { ": \($0)" } ?? "") }

  private static let reasons = [
    -1: "it could not be started",
    -2: "it could not be started",
    -3: "it could not be started, and is tried again",
    -4: "its host's MoM was restarted, and ended the jobs that it found (pbs_mom -p keeps them)",
    -5: "its host's MoM was restarted",
    -6: "its host's MoM was restarted",
    -7: "it could not go on from its checkpoint",
    -10: "its host does not know its user",
    -11: "it was to be run again",
    -12: "it was checkpointed",
    -13: "its user's password is not known",
    -14: "one of its hosts was lost",
    -16: "a hook refused to start it",
    -17: "a hook refused to start it",
    -18: "a hook wanted it to be run again",
    -19: "a hook had it deleted",
    -20: "PBS had no word from its host's MoM for too long (node_fail_requeue)",
    -21: "its directory on the host was not safe",
    -22: "a hook failed when it was to start",
    -23: "its user's Kerberos credential is not there",
    -24: "ncpus exceeded",
    -25: "ncpus exceeded",
    -26: "vmem exceeded",
    -27: "mem exceeded",
    -28: "cput exceeded",
    -30: "one of its hosts could not join it",
  ]
}
