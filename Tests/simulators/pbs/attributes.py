"""Jobs, hosts, queues and the server as lists of attributes, in the order PBS shows them.

Source: the recordings of qstat -f, pbsnodes and libpbs, and the attribute
definitions in OpenPBS src/lib/Libattr.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast
from xml.sax.saxutils import escape

from .host import Host
from .job import Job
from .quantities import Size
from .server import PBS_VERSION, PBSServer, Queue

# (attribute, resource or None, value as text)
Attribute = tuple[str, "str | None", str]


# Attributes of a job that only managers and operators see.
_MANAGERS_ONLY = frozenset({"schedselect", "euser", "egroup", "hashname", "queue_rank", "queue_type", "run_version"})

# What qstat shows as a date, and libpbs gives as seconds since the epoch (display_statjob()).
_TIMES = frozenset({"ctime", "mtime", "qtime", "stime", "obittime", "etime", "Execution_Time"})


def _resources_used(server: PBSServer, job: Job) -> Iterable[tuple[str, object]]:
    if job.session_id is None:
        return ()
    return (("cpupercent", "0"), ("cput", job.used_cput), ("mem", job.used_memory), ("ncpus", job.request.listed["ncpus"]),
            ("vmem", job.used_vmem), ("walltime", server.used_walltime(job)))


def _arguments_in_xml(arguments: Iterable[str]) -> str | None:
    """As the server keeps the words of a command line (encode_xml_arg_list())."""
    return "".join(f"<jsdl-hpcpa:Argument>{escape(argument)}</jsdl-hpcpa:Argument>" for argument in arguments) or None


def _kept(name: str) -> Callable[[PBSServer, Job], object]:
    return lambda server, job: job.attributes.get(name)


# Each attribute of a job and how it is found, in PBS's order; None: the job has none.
_JOB: dict[str, Callable[[PBSServer, Job], object]] = {
    "Job_Name": lambda server, job: job.name,
    "Job_Owner": lambda server, job: f"{job.owner}@{job.owner_host}",
    "resources_used": _resources_used,
    "job_state": lambda server, job: job.state,
    "queue": lambda server, job: job.queue,
    "server": lambda server, job: job.server,
    "Account_Name": _kept("Account_Name"),
    "Checkpoint": _kept("Checkpoint"),
    "ctime": lambda server, job: job.ctime,
    "depend": _kept("depend"),
    "Error_Path": lambda server, job: job.error_path,
    "exec_host": lambda server, job: job.exec_host,
    "exec_vnode": lambda server, job: job.exec_vnode,
    "Execution_Time": lambda server, job: job.execution_time,
    "group_list": _kept("group_list"),
    "Hold_Types": lambda server, job: job.holds or ("n" if job.says_holds else None),
    "Join_Path": _kept("Join_Path"),
    "Keep_Files": _kept("Keep_Files"),
    "Mail_Points": _kept("Mail_Points"),
    "Mail_Users": _kept("Mail_Users"),
    "mtime": lambda server, job: server.changed_at(job),
    "Output_Path": lambda server, job: job.output_path,
    "Priority": lambda server, job: job.priority,
    "qtime": lambda server, job: job.qtime,
    "Remove_Files": _kept("Remove_Files"),
    "Rerunable": lambda server, job: job.rerunable if job.says_rerunable else None,
    "Resource_List": lambda server, job: job.request.listed.items(),
    "schedselect": lambda server, job: job.request.schedselect,
    "stime": lambda server, job: job.stime,
    "obittime": lambda server, job: job.obittime,
    "session_id": lambda server, job: job.session_id,
    "Shell_Path_List": _kept("Shell_Path_List"),
    "sandbox": _kept("sandbox"),
    "jobdir": lambda server, job: job.home if job.run_count and job.allocations else None,
    "stagein": _kept("stagein"),
    "stageout": _kept("stageout"),
    "substate": lambda server, job: job.substate,
    "User_List": _kept("User_List"),
    "Variable_List": lambda server, job: job.variables,
    "euser": lambda server, job: job.owner,
    "egroup": lambda server, job: job.group,
    "hashname": lambda server, job: job.id if job.run_count else None,
    "queue_rank": lambda server, job: job.queue_rank,
    "queue_type": lambda server, job: "E",
    "comment": lambda server, job: server.comment(job),
    "etime": lambda server, job: job.etime,
    "umask": _kept("umask"),
    "block": _kept("block"),
    "run_count": lambda server, job: job.run_count or None,
    "Stageout_status": _kept("Stageout_status"),
    "Exit_status": lambda server, job: job.exit_status,
    "Submit_arguments": lambda server, job: _arguments_in_xml(job.submit_arguments),
    "executable": lambda server, job: job.executable,
    "estimated": lambda server, job: () if job.estimated_start is None else (("start_time", job.estimated_start),),
    "argument_list": lambda server, job: _arguments_in_xml(job.arguments),
    "history_timestamp": lambda server, job: job.history_timestamp,
    "project": lambda server, job: job.project,
    "run_version": lambda server, job: job.run_count or None,
    "Submit_Host": lambda server, job: job.owner_host,
}
_IN_RESOURCES = frozenset({"resources_used", "Resource_List", "estimated"})
_EVERYBODYS = tuple(name for name in _JOB if name not in _MANAGERS_ONLY)


def visible_job_attributes(for_manager: bool, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The attributes that a user may see, in PBS's order; of `names`, if any, those of them in the given order."""
    visible = tuple(_JOB) if for_manager else _EVERYBODYS
    return tuple(name for name in names if name in visible) or (() if names else visible)


def is_job_attribute(name: str) -> bool:
    """Whether jobs have such an attribute here."""
    return name in _JOB


def job_number(server: PBSServer, job: Job, name: str) -> int | None:
    """An attribute that is a number, None where the job has none."""
    value = _JOB[name](server, job)
    return None if value is None else int(cast("int | str", value))


def job_values(server: PBSServer, job: Job, names: Iterable[str]) -> list[Attribute]:
    """These attributes of a job as libpbs gives them: times in seconds, words of a command line as XML."""
    result: list[Attribute] = []
    for name in names:
        value = _JOB[name](server, job)
        if value is None:
            continue
        if name in _IN_RESOURCES:
            result += [(name, resource, str(amount)) for resource, amount in cast("Iterable[tuple[str, object]]", value)]
        else:
            result.append((name, None, value if type(value) is str else str(value)))
    return result


def job_attributes(server: PBSServer, job: Job, for_manager: bool = True) -> list[Attribute]:
    """All attributes of a job that a manager may see, or any user, as qstat shows them."""
    result: list[Attribute] = []
    for name, resource, value in job_values(server, job, visible_job_attributes(for_manager)):
        if name in _TIMES or (name, resource) == ("estimated", "start_time"):
            value = time.ctime(int(value))
        elif name == "executable":
            value = f"<jsdl-hpcpa:Executable>{value}</jsdl-hpcpa:Executable>"
        elif name == "Submit_arguments":
            value = " ".join(job.submit_arguments)
        result.append((name, resource, value))
    return result


def _assigned(jobs: Iterable[Job]) -> list[Attribute]:
    """resources_assigned of the server or a queue: sums over what runs, in the jobs' own units."""
    memory, ncpus, nodes = Size(0, 10), 0, 0
    running = False
    for job in jobs:
        running = True
        listed = job.request.listed
        if "mem" in listed:
            memory = memory + Size.parse(listed["mem"])
        ncpus += int(listed["ncpus"])
        nodes += int(listed["nodect"])
    if not running:
        return []
    return [("resources_assigned", "mem", str(memory)), ("resources_assigned", "ncpus", str(ncpus)),
            ("resources_assigned", "nodect", str(nodes))]


def queue_attributes(server: PBSServer, queue: Queue) -> list[Attribute]:
    """The attributes of a queue."""
    jobs = [job for there in server.by_state.values() for job in there.values() if job.queue == queue.name]
    live = [job for job in jobs if job.live]
    return [
        ("queue_type", None, "Execution"),
        ("total_jobs", None, str(len(live))),
        ("state_count", None, server.state_count(live)),
        *_assigned(job for job in live if job.holds_resources),
        ("enabled", None, str(queue.enabled)),
        ("started", None, str(queue.started)),
    ]


def server_attributes(server: PBSServer) -> list[Attribute]:
    """The attributes of the server."""
    running = [job for state in "RE" for job in server.by_state[state].values() if job.holds_resources]
    return [
        ("server_state", None, "Active"),
        ("server_host", None, server.name),
        ("scheduling", None, str(server.settings.scheduler)),
        ("total_jobs", None, str(len(server.jobs))),
        ("state_count", None, server.state_count()),
        ("acl_roots", None, f"{server.settings.manager}@*"),
        ("default_queue", None, server.default_queue),
        ("log_events", None, "511"),
        ("mailer", None, "/usr/sbin/sendmail"),
        ("mail_from", None, "adm"),
        ("query_other_jobs", None, "True"),
        ("resources_default", "ncpus", "1"),
        ("default_chunk", "ncpus", "1"),
        *_assigned(running),
        ("scheduler_iteration", None, "600"),
        ("flatuid", None, "True"),
        ("resv_enable", None, "True"),
        ("node_fail_requeue", None, f"{server.settings.node_fail_requeue:.0f}"),
        ("max_array_size", None, "10000"),
        ("resend_term_delay", None, "5"),
        ("pbs_license_min", None, "0"),
        ("pbs_license_max", None, "2147483647"),
        ("pbs_license_linger_time", None, "31536000"),
        ("license_count", None, "Avail_Global:1000000 Avail_Local:1000000 Used:0 High_Use:0"),
        ("pbs_version", None, PBS_VERSION),
        ("eligible_time_enable", None, "False"),
        *([("job_history_enable", None, "True")] if server.settings.history else []),
        ("max_concurrent_provision", None, "5"),
        ("clear_topjob_estimates_enable", None, "False"),
        ("power_provisioning", None, "False"),
        ("max_job_sequence_id", None, "9999999"),
    ]


# Resources that a vnode always shows as assigned, 0 included.
_ASSIGNED_ON_A_VNODE = {"accelerator_memory": "0kb", "hbmem": "0kb", "mem": "0kb", "naccelerators": "0",
                        "ncpus": "0", "vmem": "0kb"}


def host_attributes(host: Host, for_manager: bool = True) -> list[Attribute]:
    """The attributes of a vnode as pbsnodes shows them; times are still seconds. Some are the managers' to see."""
    result: list[Attribute] = [
        ("Mom", None, host.labels["host"]),
        *([("Port", None, "15002"), ("pbs_version", None, PBS_VERSION)] if for_manager else []),
        ("ntype", None, "PBS"), ("state", None, host.state), ("pcpus", None, str(host.physical_cpus)),
    ]
    jobs = [f"{job_id}/{slot}" for job_id, slots in host.slots.items() for slot in sorted(slots)]
    if jobs:
        result.append(("jobs", None, ", ".join(jobs)))
    available = {**host.labels, **{name: str(amount) for name, amount in host.total.items()}}
    if "mem" in available:
        available["mem"] = host.memory_text
    result += [("resources_available", name, value) for name, value in sorted(available.items())]
    assigned = dict(_ASSIGNED_ON_A_VNODE)
    for name, amount in host.assigned.items():
        assigned[name] = f"{amount}kb" if name in ("mem", "vmem") else str(amount)
    result += [("resources_assigned", name, value) for name, value in sorted(assigned.items())]
    if host.comment:
        result.append(("comment", None, host.comment))
    result += [("resv_enable", None, "True"), ("sharing", None, "default_shared"), ("license", None, "l"),
               ("last_state_change_time", None, str(host.state_changed)),
               ("last_used_time", None, str(host.last_used))]
    return result
