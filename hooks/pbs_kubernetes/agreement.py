"""Whether a job and a pod name each other."""
import enum
from typing import Any, Dict, Iterable, NamedTuple, Optional, Tuple

import pbs

from .api import LONGEST_WAIT_OF_MOM, ask_api, member, pod_path
from .context import Host
from .jobs import Job, Pod, pod_of
from .kubeconfig import KubernetesError
from .nodes import MIRROR_ANNOTATION, node_names, node_of, pods_of
from .settings import Settings
from .text import printable


# Annotation that the binder puts on each pod it binds: the job it was bound for.
POD_JOB_ANNOTATION = "pbs-connector/job-id"

# What kubelet puts on static pods, and on their images in the API.
STATIC_POD_ANNOTATIONS = ("kubernetes.io/config.source", MIRROR_ANNOTATION)


def stranger(found: Dict[str, Any], pod: Pod, job_id: str, settings: Settings) -> Optional[str]:
    """Why a pod object is not the one that a job was submitted for and is bound by; None where
    it is. A job alone proves nothing about a pod: the pod has to name the job."""
    metadata, spec = member(found, "metadata"), member(found, "spec")
    annotations = member(metadata, "annotations")
    if metadata.get("uid") != pod.uid:
        return "is another one by now, with UID %s" % printable(str(metadata.get("uid")))
    if any(name in annotations for name in STATIC_POD_ANNOTATIONS):
        return "is a static pod"
    if spec.get("schedulerName") not in settings.schedulers:
        return "is one of scheduler %s" % printable(str(spec.get("schedulerName")))
    if not spec.get("nodeName"):
        return "is not bound"
    bound_for = annotations.get(POD_JOB_ANNOTATION)
    if bound_for != job_id:
        return "was bound for job %s" % printable(bound_for) if isinstance(bound_for, str) else "names no job"
    return None


class Standing(enum.Enum):
    """Whether a pod is known to be the one that a job was submitted for and is bound by."""
    AGREED = 1  # job and pod name each other
    UNKNOWN = 2  # the pod is not bound here yet, or is gone, or the API cannot be asked
    STRANGER = 3  # the pod is here and names another job, or none


def pod_standing(job: Job, pod: Pod, host: Host) -> Standing:
    """How a job's pod stands to the job, asked at one job's event, for which MoM waits. Where
    the API is never asked, by configuration, the job's word is all there is."""
    return look_at_pod(job, pod, host)[0]


def look_at_pod(job: Job, pod: Pod, host: Host) -> Tuple[Standing, Dict[str, Any]]:
    """The same, with the pod object where the two are agreed and the API was asked, else an empty one."""
    if not host.settings.kubeconfig:
        return Standing.AGREED, {}
    if not pod.name or not pod.namespace:
        return Standing.UNKNOWN, {}
    try:
        status, found = ask_api(host, lambda api: api.request("GET", pod_path(pod)), LONGEST_WAIT_OF_MOM)
    except KubernetesError as error:
        pbs.logjobmsg(job.id, "pbs_kubernetes: cannot look at pod %s: %s" % (pod, error))
        return Standing.UNKNOWN, {}
    if status != 200:
        return Standing.UNKNOWN, {}
    reason = stranger(found, pod, job.id, host.settings)
    if reason is None:
        return Standing.AGREED, found
    pbs.logjobmsg(job.id, "pbs_kubernetes: pod %s %s, and is left alone" % (pod, reason))
    return Standing.STRANGER, {}


def pods_here(host: Host) -> Optional[Dict[str, Dict[str, Any]]]:
    """This node's pods by UID; None where the API cannot be asked."""
    try:
        return ask_api(host, lambda api: {
            str(member(pod, "metadata").get("uid")): pod
            for pod in pods_of(api, node_of(api, node_names(host))["metadata"]["name"])})
    except KubernetesError as error:
        pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes: cannot look at this node's pods: %s" % error)
        return None


class PodsJob(NamedTuple):
    """A job that names a pod, with what the API says of it."""
    job: Job
    pod: Pod
    found: Optional[Dict[str, Any]]  # the pod object where it is on this node
    standing: Standing


def pods_jobs(jobs: Iterable[Job], host: Host) -> Dict[str, PodsJob]:
    """The pods' jobs among these, by job id. The API is asked once for all of them."""
    named = [(job, pod_of(job, host.settings)) for job in jobs]
    pods = [(job, pod) for job, pod in named if pod is not None]
    if not pods:
        return {}
    here = pods_here(host) if host.settings.kubeconfig else None
    result = {}
    for job, pod in pods:
        found = here.get(pod.uid) if here is not None else None
        standing = Standing.UNKNOWN if host.settings.kubeconfig else Standing.AGREED
        if found is not None:
            reason = stranger(found, pod, job.id, host.settings)
            standing = Standing.AGREED if reason is None else Standing.STRANGER
            if reason is not None:
                pbs.logjobmsg(job.id, "pbs_kubernetes: pod %s %s: the job counts as a native one" % (pod, reason))
        result[job.id] = PodsJob(job, pod, found, standing)
    return result
