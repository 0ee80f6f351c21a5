"""A stand-in for the `pbs` module that PBS gives to hooks, and a way to run a hook file with it.

It has what the hooks use, and is as strict as the real one: attributes that a job does not
have raise AttributeError, attributes that are not set are None, resources_used takes values
of each resource's own type only, accept() and reject() end the hook by SystemExit
(src/modules/python/pbs/v1 in OpenPBS).
"""
import builtins
import os
import pickle
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

# Values are those of OpenPBS's hook.h.
EVENTS = {
    "QUEUEJOB": 0x01, "MODIFYJOB": 0x02, "MOVEJOB": 0x08, "RUNJOB": 0x10, "JOBOBIT": 0x800000, "POSTQUEUEJOB": 0x8000000,
    "EXECJOB_BEGIN": 0x40, "EXECJOB_PROLOGUE": 0x80, "EXECJOB_EPILOGUE": 0x100, "EXECJOB_END": 0x200,
    "EXECJOB_PRETERM": 0x400, "EXECJOB_ATTACH": 0x4000, "EXECJOB_LAUNCH": 0x800, "EXECHOST_PERIODIC": 0x1000, "EXECHOST_STARTUP": 0x2000,
    "EXECJOB_ABORT": 0x40000, "EXECJOB_POSTSUSPEND": 0x80000, "EXECJOB_PRERESUME": 0x100000,
}

JOB_ATTRIBUTES = (
    "Job_Name", "Variable_List", "exec_vnode", "exec_host", "exec_host2", "job_state", "substate", "Exit_status",
    "euser", "project", "comment", "run_count", "session_id", "Job_Owner", "queue", "stime", "resources_used",
    "Account_Name", "Submit_arguments", "array_indices_submitted", "Resource_List", "Priority", "depend")


class duration(int):
    """pbs.duration: seconds, written [h]hh:mm:ss."""

    def __new__(cls, value: Any) -> "duration":
        seconds = 0
        for part in str(value).split(":"):
            seconds = seconds * 60 + int(part)
        return int.__new__(cls, seconds)

    def __str__(self) -> str:
        return "%02d:%02d:%02d" % (self // 3600, self // 60 % 60, self % 60)


class size:
    """pbs.size: a number with a unit."""

    def __init__(self, value: Any) -> None:
        if not re.fullmatch(r"\d+[kmgtp]?[bw]?", str(value)):
            raise ValueError("bad size %r" % value)
        self.text = str(value)

    def __str__(self) -> str:
        return self.text


class ResourcesUsed:
    """pbs_resource: a mapping of typed values, None where not set."""

    TYPES = {"cput": duration, "walltime": duration, "mem": size, "vmem": size, "ncpus": int, "cpupercent": int}

    def __init__(self, text: str) -> None:
        """Begin with values as str(resources_used) writes them."""
        self.values: Dict[str, Any] = {}
        self.set_by_hook: List[str] = []
        for pair in text.split(",") if text else []:
            name, value = pair.split("=")
            self.values[name] = self.TYPES[name](value)

    def __getitem__(self, name: str) -> Any:
        self.TYPES[name]
        return self.values.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        assert isinstance(value, self.TYPES[name]), "%s is a %s, not %r" % (name, self.TYPES[name].__name__, value)
        self.values[name] = value
        self.set_by_hook.append(name)

    def __str__(self) -> str:
        return ",".join("%s=%s" % item for item in self.values.items())


class ResourceList:
    """pbs_resource: Resource_List. Resources that PBS does not know raise AttributeError, as
    PBS's do, although they are asked for as members; those that are not set are None."""

    KNOWN = {"select", "place", "ncpus", "mem", "nodect", "walltime", "k8s_pod", "k8s_token"}

    def __init__(self, values: Optional[Dict[str, str]] = None, known: Optional[Set[str]] = None) -> None:
        self.values = dict(values or {})
        self.known = self.KNOWN if known is None else known

    def __getitem__(self, name: str) -> Any:
        if name not in self.known:
            raise AttributeError("'pbs_resource' object has no attribute '%s'" % name)
        return self.values.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self[name]
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def keys(self) -> List[str]:
        """Those that are set."""
        return list(self.values)

    def __str__(self) -> str:
        return ",".join("%s=%s" % item for item in self.values.items())


class Job:
    """pbs.event().job."""

    attributes = sorted(JOB_ATTRIBUTES) + ["_connect_server", "_other_", "id"]

    def __init__(self, id: str, attributes: Dict[str, Any]) -> None:
        self.id = id
        self.Variable_List: Any = None
        for name in JOB_ATTRIBUTES:
            setattr(self, name, attributes.get(name))
        if isinstance(self.Variable_List, str):
            self.Variable_List = environment(self.Variable_List)
        if not isinstance(self.Resource_List, ResourceList):
            self.Resource_List = ResourceList(resources(self.Resource_List))
        self.resources_used = ResourcesUsed(attributes.get("resources_used") or "")


def resources(text: Any) -> Dict[str, str]:
    """Resource_List as str() writes it; only select holds commas or equals signs."""
    if not isinstance(text, str):
        return dict(text or {})
    return dict(pair.split("=", 1) for pair in re.split(r",(?=\w+=)", text) if "=" in pair)


def environment(variable_list: str) -> Dict[str, str]:
    """Variable_List as PBS's pbs_env has it: a dictionary; escaped commas stay escaped in it."""
    return dict(pair.split("=", 1) for pair in re.split(r"(?<!\\),", variable_list) if "=" in pair)


class Resources(Dict[str, Any]):
    """pbs_resource of a vnode."""


class Vnode:
    """pbs.vnode, as far as hooks of execution hosts set it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.resources_available: Dict[str, Any] = Resources()


class Event:
    """pbs.event()."""


    job_list: Optional[Dict[str, "Job"]] = None
    pid: int  # of execjob_attach alone

    def __init__(self, name: str, job: Optional[Job] = None, job_list: Optional[Dict[str, Job]] = None,
                 requestor: str = "pbs_mom", requestor_host: str = "node1", job_o: Optional[Job] = None) -> None:
        self.type = EVENTS[name]
        if job_o is not None:
            self.job_o = job_o
        self.requestor, self.requestor_host = requestor, requestor_host
        self.rejected: Optional[str] = None
        self.vnode_list: Dict[str, Vnode] = {}
        if job is not None:
            self.job = job
        if job_list is not None:
            self.job_list = job_list

    def accept(self) -> None:
        """Take the event."""
        raise SystemExit("0")

    def reject(self, message: str = "") -> None:
        """Turn the event down."""
        self.rejected = message
        raise SystemExit("255")


class Outcome(NamedTuple):
    """What a hook did with an event, as far as PBS sees."""
    rejected: Optional[str]
    log: List[Tuple[str, str]]  # (level or job id, message)

    def messages(self) -> str:
        """All log messages, a line each."""
        return "\n".join(message for _, message in self.log)


def make_module(event: Event, configuration: Optional[Path], host: str, pbs_conf: Dict[str, str],
                log: List[Tuple[str, str]], server: Optional[Dict[str, Any]] = None) -> types.ModuleType:
    """The `pbs` module for one event."""
    module: Any = types.ModuleType("pbs")
    for name, value in EVENTS.items():
        setattr(module, name, value)
    module.LOG_ERROR, module.LOG_WARNING, module.LOG_DEBUG = "error", "warning", "debug"
    module.duration, module.size = duration, size
    module.hook_config_filename = str(configuration) if configuration else None
    module.pbs_conf = pbs_conf
    module.server = lambda: types.SimpleNamespace(**dict({"managers": None, "operators": None}, **(server or {})))
    module.event = lambda: event
    module.get_local_nodename = lambda: host
    module.vnode = Vnode
    event.vnode_list.setdefault(host, Vnode(host))
    module.logmsg = lambda level, message: log.append((level, message))
    module.logjobmsg = lambda job_id, message: log.append((job_id, message))
    return module


def run_hook(script: Path, event: Event, configuration: Optional[Path], host: str = "node1",
             pbs_conf: Optional[Dict[str, str]] = None, server: Optional[Dict[str, Any]] = None) -> Outcome:
    """Run a hook file the way PBS does: as the module "builtins", anew for each event. `server`
    has attributes of PBS's server. HOOKS_PYTHON names another interpreter to run it with."""
    python = os.environ.get("HOOKS_PYTHON")
    if python:
        return run_hook_with(python, script, event, configuration, host, pbs_conf, server)
    return run_hook_here(script, event, configuration, host, pbs_conf, server)


# How long the host's hook lets MoM wait for the API, and how long in a process of another interpreter, which is
# slow to load where many tests run beside each other. Seconds; hooks.timing.OTHER_PROCESS allows for it.
WAIT_OF_MOM = "LONGEST_WAIT_OF_MOM = 1\n"
PATIENCE = 4.0


def run_hook_with(python: str, script: Path, event: Event, configuration: Optional[Path], host: str,
                  pbs_conf: Optional[Dict[str, str]], server: Optional[Dict[str, Any]]) -> Outcome:
    """Run a hook file in a process of another interpreter; event and jobs are changed as if it ran here."""
    # As text: not every release of Python can read another's pickled paths.
    asked = (str(script), event, configuration and str(configuration), host, pbs_conf, server)
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1]), PYTHONDONTWRITEBYTECODE="1")
    for name in ("HOOKS_PYTHON", "PYTEST_CURRENT_TEST"):  # the latter may be longer than a process may be given
        environment.pop(name, None)
    environment["HOOKS_PATIENCE"] = "%g" % PATIENCE
    done = subprocess.run([python, "-c", "from hooks.pbs_stand_in import answer; answer()"], env=environment, check=True,
                          input=pickle.dumps(asked, 2), stdout=subprocess.PIPE)
    rejected, log, changed = pickle.loads(done.stdout)
    event.rejected = rejected
    if hasattr(event, "job"):
        vars(event.job).update(vars(changed.job))
    event.vnode_list = changed.vnode_list
    for job_id, job in (event.job_list or {}).items():
        vars(job).update(vars(changed.job_list[job_id]))
    return Outcome(rejected, log)


def answer() -> None:
    """What run_hook_with runs: the hook for the event on standard input; the answer on standard output."""
    script, event, configuration, host, pbs_conf, server = pickle.load(sys.stdin.buffer)
    outcome = run_hook_here(Path(script), event, configuration and Path(configuration), host, pbs_conf, server)
    pickle.dump((outcome.rejected, outcome.log, event), sys.stdout.buffer, 2)


def run_hook_here(script: Path, event: Event, configuration: Optional[Path], host: str,
                  pbs_conf: Optional[Dict[str, str]], server: Optional[Dict[str, Any]]) -> Outcome:
    """Run a hook file in this process."""
    log: List[Tuple[str, str]] = []
    before = sys.modules.get("pbs")
    sys.modules["pbs"] = make_module(event, configuration, host, pbs_conf or {}, log, server)
    ended = False
    text = script.read_text()
    if "HOOKS_PATIENCE" in os.environ:
        text = text.replace(WAIT_OF_MOM, WAIT_OF_MOM.replace("1", os.environ["HOOKS_PATIENCE"]))
    try:
        exec(compile(text, str(script), "exec"), {"__builtins__": builtins, "__name__": "builtins"})
    except SystemExit:
        ended = True
    finally:
        if before is None:
            del sys.modules["pbs"]
        else:
            sys.modules["pbs"] = before
    assert ended, "the hook neither accepted nor rejected the event"
    return Outcome(event.rejected, log)
