"""Jobs, and the pods that they were submitted for."""
import re
from typing import Any, Callable, Dict, Iterable, NamedTuple, Optional

from .names import is_here, server_names
from .settings import Settings
from .text import printable


# Substates of a job, from PBS's job.h. On hosts other than a job's first, a running
# job stays in substate 41, so that running is told by the absence of these.
SUSPENDED_SUBSTATES = (43, 45)
FIRST_EXITING_SUBSTATE = 50

# What PBS calls a job: "5.pbsserver"; a subjob of an array has its index, "5[2].pbsserver".
JOB_ID = r"[0-9]+(?:\[[0-9]*\])?\.[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"

# The resource that names a job's pod where its submission was proven, CLUSTER/UID/NAMESPACE/NAME.
# Kubernetes' rules for each (docs/hooks.md, "Proof of submission").
PROOF_RESOURCE = "k8s_pod"
PROOF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}/([A-Za-z0-9-]{1,64})"
                   r"/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)")


class Pod(NamedTuple):
    """The pod that a job was submitted for."""
    uid: str
    name: str
    namespace: str

    def __str__(self) -> str:
        """Namespace and name, for the log; a job's variables may hold anything, line feeds too."""
        return printable("%s/%s" % (self.namespace, self.name))


class Job(NamedTuple):
    """What this hook needs to know of a job, from an event or from MoM's job file."""
    id: str
    owner: str  # Job_Owner: who submitted it, user@host
    substate: int
    start_time: int  # seconds since the epoch, 0 before MoM knows it
    session_id: int  # 0 where no session of the job runs on this host
    exec_vnode: str
    exec_host2: str
    environment: Dict[str, str]
    place: str  # Resource_List.place, as in "scatter:exclhost"; empty where it is not set
    proof: str  # the resource k8s_pod, empty where it is not set
    exit_status: Optional[int]  # None until the job has ended

    @property
    def suspended(self) -> bool:
        """Whether PBS has suspended the job."""
        return self.substate in SUSPENDED_SUBSTATES

    @property
    def exiting(self) -> bool:
        """Whether the job has ended and only cleans up."""
        return self.substate >= FIRST_EXITING_SUBSTATE


def parse_environment(variable_list: Any) -> Dict[str, str]:
    """Variable_List as a dictionary. PBS hands it out as one (pbs_env); MoM's job files
    hold text with commas between variables, and a backslash before commas in values."""
    if isinstance(variable_list, dict):
        return {str(name): str(value) for name, value in variable_list.items()}
    pairs = re.findall(r"((?:\\.|[^,\\])+)", str(variable_list or ""), re.DOTALL)
    return dict(re.sub(r"\\(.)", r"\1", pair).split("=", 1) for pair in pairs if "=" in pair)


def parse_int(value: Any) -> int:
    """An integer attribute of a job, 0 where it is not set."""
    text = str(value)
    return int(text) if re.fullmatch(r"-?\d+", text) else 0


def job_from(attributes: Callable[[str], Any], job_id: str) -> Job:
    """A Job from whatever holds its attributes."""
    return Job(
        id=job_id,
        owner=str(attributes("Job_Owner") or ""),
        substate=parse_int(attributes("substate")),
        start_time=parse_int(attributes("stime")),
        session_id=parse_int(attributes("session_id")),
        exec_vnode=str(attributes("exec_vnode") or ""),
        exec_host2=str(attributes("exec_host2") or ""),
        environment=parse_environment(attributes("Variable_List")),
        place=str(attributes("Resource_List.place") or ""),
        proof=str(attributes("Resource_List." + PROOF_RESOURCE) or ""),
        exit_status=None if attributes("Exit_status") is None else parse_int(attributes("Exit_status")),
    )


def event_job(job: Any, job_id: Optional[str] = None) -> Job:
    """The Job of an event's job object."""
    def attribute(name: str) -> Any:
        name, _, resource = name.partition(".")
        value = getattr(job, name, None)
        if not resource or value is None:
            return value
        try:
            return value[resource]
        except (AttributeError, KeyError):  # PBS knows no such resource
            return None

    return job_from(attribute, job_id or str(job.id))


def is_user(owner: str, users: Iterable[str], servers: Iterable[str]) -> bool:
    """Whether user@host is one of the users: "user@host", "user@*" for any host, or "user" for
    that user on PBS's server, which goes by the names in `servers`."""
    name, _, host = owner.partition("@")
    for user in users:
        own_name, at, own_host = user.partition("@")
        if own_name != name:
            continue
        if own_host == "*" or at and own_host.lower() == host.lower() or not at and is_here(host, servers):
            return True
    return False


def pod_of(job: Job, settings: Settings) -> Optional[Pod]:
    """The pod of a pod's job; None for a native job, and for one that only claims to have a
    pod: anyone can set variables. Proof is a resource that nobody but the server's hook sets;
    without it variables count for the users that submit pods' jobs."""
    match = PROOF.fullmatch(job.proof)
    if match is not None:
        uid, namespace, name = match.groups()
        return Pod(uid, name, namespace)
    uid = job.environment.get("KUBERNETES_POD_UID", "")
    if settings.proof == "required" or not uid or not is_user(job.owner, settings.users, server_names()):
        return None
    return Pod(uid, job.environment.get("KUBERNETES_POD_NAME", ""), job.environment.get("KUBERNETES_POD_NAMESPACE", ""))
