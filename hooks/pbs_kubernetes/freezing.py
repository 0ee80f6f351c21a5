"""Freezing the pods of suspended jobs, and thawing them."""
import os
from typing import Optional

import pbs

from .agreement import Standing, pod_standing
from .cgroups import find_pod_cgroup, is_unified
from .context import Host
from .jobs import Job, Pod
from .settings import Settings
from .text import read_text


def is_frozen(directory: str) -> bool:
    """Whether a pod's cgroup has been told to freeze."""
    state = read_text(directory, "cgroup.freeze") or read_text(directory, "freezer.state") or ""
    return state.strip() in ("1", "FREEZING", "FROZEN")


def set_frozen(job_id: str, pod: Pod, settings: Settings, frozen: bool) -> None:
    """Freeze or thaw all of a pod's containers."""
    verb = "freeze" if frozen else "thaw"
    directory = find_pod_cgroup(settings, pod.uid, ("freezer",))
    if directory is None:
        pbs.logjobmsg(job_id, "pbs_kubernetes: pod %s has no cgroup to %s" % (pod, verb))
        return
    if is_frozen(directory) == frozen:
        return
    if is_unified(settings.cgroup_root):
        path, value = os.path.join(directory, "cgroup.freeze"), "1" if frozen else "0"
    else:
        path, value = os.path.join(directory, "freezer.state"), "FROZEN" if frozen else "THAWED"
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        pbs.logjobmsg(job_id, "pbs_kubernetes: cannot %s pod %s: %s" % (verb, pod, error))
    else:
        done = "frozen" if frozen else "thawed"
        pbs.logjobmsg(job_id, "pbs_kubernetes: pod %s %s" % (pod, done))


def is_stopped(session_id: int) -> Optional[bool]:
    """Whether a session's leader is stopped, as MoM leaves it when it suspends a job; None
    where there is no such process."""
    status = read_text("/proc", str(session_id), "stat") if session_id else None
    # The state follows the command's name, which may itself contain parentheses (proc(5)).
    return None if status is None else status.rpartition(")")[2].split()[0] == "T"


def heal_freezing(job: Job, pod: Pod, terminating: Optional[bool], freeze: bool, settings: Settings) -> None:
    """Freeze a pod that came up after its job was suspended, and thaw one whose resume was missed.
    `terminating` says whether the pod is being deleted, None where the pod was not seen: such a
    one may be thawed, but not frozen. `freeze` says whether the site wants it frozen at all.

    The job list may be a moment old, so that it only counts where the job's own process
    agrees with it now.
    """
    directory = find_pod_cgroup(settings, pod.uid, ("freezer",))
    stopped = is_stopped(job.session_id)
    if directory is None or stopped is None or stopped != job.suspended:
        return
    frozen = is_frozen(directory)
    if not job.suspended:
        if frozen:
            set_frozen(job.id, pod, settings, False)
        return
    # A frozen process cannot obey SIGTERM (nor, in cgroup v1, die of SIGKILL): let it.
    if terminating and frozen:
        set_frozen(job.id, pod, settings, False)
    elif terminating is False and frozen and not freeze:
        set_frozen(job.id, pod, settings, False)  # the setting has changed since
    elif terminating is False and not frozen and freeze:
        set_frozen(job.id, pod, settings, True)


def thaw(job: Job, pod: Pod, host: Host) -> None:
    """Thaw a pod that is frozen, but for one that is known to be another job's. An API that is
    away must not keep it frozen: only an agreed pod was frozen, and nothing else thaws it."""
    directory = find_pod_cgroup(host.settings, pod.uid, ("freezer",))
    if directory is not None and is_frozen(directory):
        if pod_standing(job, pod, host) is not Standing.STRANGER:
            set_frozen(job.id, pod, host.settings, False)
