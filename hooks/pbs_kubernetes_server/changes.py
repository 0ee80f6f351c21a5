"""Who may alter and move a job that stands for a pod."""
import time
from typing import Any, Dict

from .jobs import POD_RESOURCE, TOKEN_RESOURCE, is_pods_job, pod_uid, resource
from .keys import read_keys
from .people import is_administrator, is_user, server_names
from .refusal import Refusal
from .tokens import verify


def guard_change(event: Any, job: Any, settings: Dict[str, Any]) -> None:
    """modifyjob and movejob, of a job as it is: a pod's job is altered and moved by administrators
    and by pbs-broker only. Its owner may delete it, which ends the pod."""
    requestor, host = str(event.requestor), str(event.requestor_host)
    if not is_pods_job(job, settings) or is_administrator(requestor, host):
        return
    # With proof it is the keys by which pbs-broker is known, but a move has no place for a token.
    is_alteration = getattr(event, "job_o", None) is not None
    if is_user(requestor, host, settings["users"], server_names()) and not (is_alteration and settings["proof"] == "required"):
        return
    raise Refusal("job %s is a pod's: only operators and managers of PBS alter or move it; change the pod instead"
                  % job.id)


def alteration(job: Any, before: Any) -> str:
    """What a modifyjob changes, as pbs-broker signs it: "alter 5.pbsserver Priority=5
    Resource_List.walltime=01:00:00", without what takes a value away."""
    values: Dict[str, Any] = {}
    for name in job.attributes:
        value = None if name.startswith("_") or name == "id" else getattr(job, name, None)
        if name == "Resource_List" and value is not None:
            for item in value.keys():
                values["Resource_List." + item] = value[item]
        # PBS hands all variables to the hook, whatever is to change.
        elif name != "Variable_List" or str(value) != str(before.Variable_List):
            values[name] = value
    values.pop("Resource_List." + TOKEN_RESOURCE, None)
    changes = ["%s=%s" % (name, value) for name, value in values.items() if value is not None and str(value) != ""]
    return " ".join(["alter", str(before.id)] + sorted(changes))


def prove_alteration(event: Any, settings: Dict[str, Any]) -> None:
    """modifyjob: take the token of an alteration away when it is good for it; Refusal."""
    job, before = event.job, event.job_o
    try:
        keys = read_keys(settings["key_file"])
        proven = verify(resource(job, TOKEN_RESOURCE) or "", alteration(job, before), str(event.requestor),
                        str(event.requestor_host), keys, time.time())
        pod = resource(before, POD_RESOURCE)
        if pod != "/".join((proven.cluster, proven.uid, proven.namespace, proven.name)) and (
                pod is not None or settings["proof"] == "required" or pod_uid(before) != proven.uid):
            raise Refusal("it is for another pod's job")
    except Refusal as refusal:
        raise Refusal("the token in %s is not accepted: %s" % (TOKEN_RESOURCE, refusal))
    job.Resource_List[TOKEN_RESOURCE] = None
