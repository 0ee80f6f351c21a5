"""What happens to the pod of a job that PBS suspends."""
from typing import Any, Dict, Optional

import pbs

from .agreement import PodsJob, Standing, look_at_pod
from .api import LONGEST_WAIT_OF_MOM, member
from .context import Host
from .endings import end_pod
from .freezing import heal_freezing, is_stopped, set_frozen
from .holdings import held_here, is_device
from .jobs import Job, Pod
from .nodes import pod_requests
from .settings import LONGEST_API_TIMEOUT


def has_devices(job: Job, found: Dict[str, Any], host: Host) -> bool:
    """Whether PBS gave the job devices on this host, or its pod asks for some: extended resources,
    or claims of dynamic resource allocation."""
    held = held_here(job, host)
    amounts = dict(held.amounts) if held is not None else {}
    if found:
        try:
            amounts.update(pod_requests(found))
        except (ValueError, TypeError, AttributeError) as error:
            pbs.logjobmsg(job.id, "pbs_kubernetes: cannot tell what its pod requests: %s" % error)
    return bool(member(found, "spec").get("resourceClaims")) or any(
        is_device(name) and amount > 0 for name, amount in amounts.items())


def on_suspension(job: Job, found: Dict[str, Any], host: Host) -> str:
    """What the settings want: "freeze", "ignore" or "end". `found` is the pod object, empty where the API is not asked."""
    return host.settings.suspend_devices if has_devices(job, found, host) else host.settings.suspend


def suspend_pod(job: Job, pod: Pod, host: Host) -> None:
    """execjob_postsuspend of a pod's job."""
    standing, found = look_at_pod(job, pod, host)
    if standing is not Standing.AGREED:
        return
    wanted = on_suspension(job, found, host)
    if wanted == "freeze":
        set_frozen(job.id, pod, host.settings, True)
    elif wanted == "end":
        end_suspended(job, pod, found, host, LONGEST_WAIT_OF_MOM)


def end_suspended(job: Job, pod: Pod, found: Dict[str, Any], host: Host, most: float = LONGEST_API_TIMEOUT) -> None:
    """Delete the pod of a suspended job. The job ends when its pod is gone: nobody would run it again."""
    why = "its devices go to others, which a frozen pod would still hold" if has_devices(job, found, host) else "by the site's rule"
    end_pod(job, pod, host, "job %s has been suspended by PBS, which ends its pod: %s" % (job.id, why), most)


def heal_suspension(known: PodsJob, host: Host) -> None:
    """Make up for a suspension or a resume that the pod has missed."""
    agreed = known.standing is Standing.AGREED
    found = known.found or {}
    terminating: Optional[bool] = bool(member(found, "metadata").get("deletionTimestamp")) if agreed else None
    wanted = on_suspension(known.job, found, host) if agreed else "ignore"
    heal_freezing(known.job, known.pod, terminating, wanted == "freeze", host.settings)
    # The job list may be a moment old: its own process has to agree.
    if known.job.suspended and wanted == "end" and not terminating and is_stopped(known.job.session_id):
        end_suspended(known.job, known.pod, found, host)
