"""The end of a pod whose job has ended."""
import calendar
import time
from typing import Any, Dict, Optional

import pbs

from .agreement import stranger
from .api import KubernetesAPI, ask_api, failure, member, pod_path
from .context import Host
from .exit_words import exit_words
from .jobs import Job, Pod
from .kubeconfig import KubernetesError
from .settings import LONGEST_API_TIMEOUT, Settings


DELETE_ATTEMPTS = 5


def utc(text: Any) -> Optional[float]:
    """Seconds since the epoch of a Kubernetes timestamp; None where it is none."""
    try:
        return calendar.timegm(time.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None


def too_long(found: Dict[str, Any], settings: Settings) -> bool:
    """Whether a pod would have, or has, more time to end than the site allows."""
    most = settings.longest_grace
    deleted = utc(member(found, "metadata").get("deletionTimestamp"))
    if deleted is not None:
        return deleted - time.time() > most
    grace = member(found, "spec").get("terminationGracePeriodSeconds")
    return isinstance(grace, int) and grace > most


def delete_pod(api: KubernetesAPI, pod: Pod, job_id: str, words: str, settings: Settings) -> str:
    """Delete the pod of a job that has ended, after saying why in its DisruptionTarget
    condition; returns what was done or found.

    The preconditions bind the deletion to the very state that was judged: a pod that
    finishes in between, or is created anew under its name, is not deleted but judged again.
    """
    may_say = True
    for _ in range(DELETE_ATTEMPTS):
        status, found = api.request("GET", pod_path(pod))
        if status == 404:
            return "is gone already"
        if status != 200:
            raise failure(status, found)
        reason = stranger(found, pod, job_id, settings)
        if reason is not None:
            return reason + " and stays"
        phase = member(found, "status").get("phase")
        if phase in ("Succeeded", "Failed"):
            return "has finished (%s) and stays" % phase
        capped = too_long(found, settings)
        if member(found, "metadata").get("deletionTimestamp") and not capped:
            return "is being deleted already"
        if may_say and not is_said(found, words):
            status, answer = api.request("PATCH", pod_path(pod) + "/status", disruption(pod, words))
            if status == 200:
                found = answer
                if member(found, "status").get("phase") in ("Succeeded", "Failed"):
                    continue
            elif status == 404:
                return "is gone already"
            elif status in (409, 422):
                continue  # another state, or (422, "field is immutable") another UID
            elif status == 403:
                may_say = False
                pbs.logjobmsg(job_id, "pbs_kubernetes: pod %s gets no DisruptionTarget condition: kubelet's credential "
                              "may not write its status: %s" % (pod, failure(status, answer)))
            else:
                raise failure(status, answer)
        options: Dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {
            "uid": pod.uid, "resourceVersion": member(found, "metadata").get("resourceVersion")}}
        if capped:
            options["gracePeriodSeconds"] = settings.longest_grace
        status, answer = api.request("DELETE", pod_path(pod), options)
        if status in (200, 202):
            return "deleted" + (", with %d s to end instead of its own grace period" % settings.longest_grace
                                if capped else "")
        if status == 404:
            return "is gone already"
        if status != 409:
            raise failure(status, answer)
    raise KubernetesError("the pod changed each of %d times between looking and deleting" % DELETE_ATTEMPTS)


def disruption(pod: Pod, words: str) -> Dict[str, Any]:
    """The patch of a pod's status that says why it is going to be deleted. The UID makes it fail
    where the name has come to mean another pod."""
    return {"metadata": {"uid": pod.uid}, "status": {"conditions": [{
        "type": "DisruptionTarget", "status": "True", "reason": "PBSJobEnded", "message": words,
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}]}}


def is_said(found: Dict[str, Any], words: str) -> bool:
    """Whether a pod has that condition already."""
    conditions = member(found, "status").get("conditions")
    said = {"type": "DisruptionTarget", "status": "True", "reason": "PBSJobEnded", "message": words}
    return isinstance(conditions, list) and any(
        isinstance(condition, dict) and said.items() <= condition.items() for condition in conditions)


def end_words(job: Job) -> str:
    """Why a job has ended, as far as its host knows: for a condition that users read."""
    if job.exit_status is None:
        return "job %s has ended" % job.id
    reason = exit_words(job.exit_status)
    return "job %s has ended: %sexit status %d" % (job.id, reason + ", " if reason else "", job.exit_status)


def end_pod(job: Job, pod: Pod, host: Host, words: str, most: float = LONGEST_API_TIMEOUT) -> None:
    """Delete the pod of a job that has ended or is being ended, if the API can be reached from
    here within `most` seconds; `words` tell users why."""
    if not host.settings.kubeconfig:
        return
    if not pod.name or not pod.namespace:
        pbs.logjobmsg(job.id, "pbs_kubernetes: the job does not name its pod, so it is left to the binder")
        return
    try:
        outcome = ask_api(host, lambda api: delete_pod(api, pod, job.id, words, host.settings), most)
    except KubernetesError as error:
        pbs.logjobmsg(job.id, "pbs_kubernetes: cannot delete pod %s, left to the binder: %s" % (pod, error))
    else:
        pbs.logjobmsg(job.id, "pbs_kubernetes: pod %s %s" % (pod, outcome))
