"""Who may submit a job that stands for a pod."""
import time
from typing import Any, Dict

from .forgeries import refuse_control_characters, refuse_forgeries
from .jobs import POD_RESOURCE, TOKEN_RESOURCE, pod_uid, resource
from .keys import read_keys
from .people import is_user, server_names
from .refusal import Refusal
from .tokens import verify


def guard_submission(event: Any, settings: Dict[str, Any]) -> None:
    """queuejob: refuse a job that stands for a pod without the right to, and write down the
    pod of one that has proven it."""
    job = event.job
    uid, token = pod_uid(job), resource(job, TOKEN_RESOURCE)
    if resource(job, POD_RESOURCE) is not None:
        raise Refusal("%s is set by PBS's server alone" % POD_RESOURCE)
    refuse_forgeries(job)
    if uid is None and token is None:
        return
    refuse_control_characters(job)
    if getattr(job, "array_indices_submitted", None) is not None:
        raise Refusal("a pod's job is no job array")
    requestor, host = str(event.requestor), str(event.requestor_host)
    if token is not None:
        try:
            keys = read_keys(settings["key_file"])
            proven = verify(token, resource(job, "select"), requestor, host, keys, time.time())
        except Refusal as refusal:
            raise Refusal("the token in %s is not accepted: %s" % (TOKEN_RESOURCE, refusal))
        if uid is not None and uid != proven.uid:
            raise Refusal("KUBERNETES_POD_UID is not the UID that %s proves" % TOKEN_RESOURCE)
        job.Resource_List[TOKEN_RESOURCE] = None
        job.Resource_List[POD_RESOURCE] = "/".join((proven.cluster, proven.uid, proven.namespace, proven.name))
    elif settings["proof"] == "required":
        raise Refusal("KUBERNETES_POD_UID is for jobs of pods, which need a token of pbs-broker in %s" % TOKEN_RESOURCE)
    elif not is_user(requestor, host, settings["users"], server_names()):
        raise Refusal("KUBERNETES_POD_UID is for jobs of pods, which %s@%s may not submit (users in pbs_kubernetes.CF: %s)"
                      % (requestor, host, ", ".join(str(user) for user in settings["users"])))
