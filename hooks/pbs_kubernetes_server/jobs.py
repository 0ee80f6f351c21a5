"""What a job says of itself."""
import re
from typing import Any, Dict, Optional

from .people import is_user, server_names

# What the host hook and the documentation call them too.
POD_RESOURCE = "k8s_pod"
TOKEN_RESOURCE = "k8s_token"


def resource(job: Any, name: str) -> Optional[str]:
    """A resource that a job asks for; None where it is not set, or where PBS knows no such resource."""
    try:
        value = job.Resource_List[name]
    except (AttributeError, KeyError, TypeError):
        return None
    return None if value is None else str(value)


def variable(variable_list: Any, name: str) -> Optional[str]:
    """A variable of a Variable_List (pbs_env, a dictionary); None where it is not there."""
    if isinstance(variable_list, dict):
        value = variable_list.get(name)
        return None if value is None else str(value)
    match = re.search(r"(?:^|(?<!\\),)%s=((?:\\.|[^,\\])*)" % name, str(variable_list or ""), re.DOTALL)
    return None if match is None else match.group(1)


def pod_uid(job: Any) -> Optional[str]:
    """The UID in a job's environment, be it empty; None where it names no pod."""
    return variable(job.Variable_List, "KUBERNETES_POD_UID")


def is_pods_job(job: Any, settings: Dict[str, Any]) -> bool:
    """Whether a job that PBS has stands for a pod."""
    if resource(job, POD_RESOURCE):
        return True
    if settings["proof"] == "required" or pod_uid(job) is None:
        return False
    name, _, host = str(job.Job_Owner or "").partition("@")
    return is_user(name, host, settings["users"], server_names())
