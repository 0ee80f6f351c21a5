"""Why a job has ended, in words, where PBS has a number only."""

# Exit_status of a job that PBS ended itself, or did not get to run (PBS's job.h).
END_REASONS = {
    -1: "it could not be started",
    -2: "it could not be started",
    -3: "it could not be started, and is tried again",
    -4: "its host's MoM was restarted, and ended the jobs that it found (pbs_mom -p keeps them)",
    -5: "its host's MoM was restarted",
    -6: "its host's MoM was restarted",
    -7: "it could not go on from its checkpoint",
    -10: "its host does not know its user",
    -11: "it is run again",
    -12: "it was checkpointed",
    -13: "its user's password is not known",
    -14: "one of its hosts was lost, and it is run again",
    -15: "it is run again",
    -16: "a hook refused to start it",
    -17: "a hook refused to start it",
    -18: "a hook had it run again",
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
    -29: "walltime exceeded",
    -30: "one of its hosts could not join it",
}

# A status from here on is this and the number of the signal that ended the job.
FIRST_SIGNAL = 256
# Those by which PBS ends one, after qdel, qrerun, or for a limit.
SIGNALS = {9: "SIGKILL", 15: "SIGTERM"}


def exit_words(status: int) -> str:
    """What an Exit_status means; empty where it is the job's own."""
    if FIRST_SIGNAL < status <= FIRST_SIGNAL + 64:
        signal = status - FIRST_SIGNAL
        return "ended by %s" % SIGNALS.get(signal, "signal %d" % signal)
    return END_REASONS.get(status, "")
