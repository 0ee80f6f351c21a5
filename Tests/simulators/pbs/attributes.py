"""Jobs, hosts, queues and the server as lists of attributes, in the order PBS shows them.

Source: the recordings of qstat -f and pbsnodes, and the attribute
definitions in OpenPBS src/lib/Libattr.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from xml.sax.saxutils import escape

from .host import Host
from .job import Job
from .quantities import Size
from .server import PBS_VERSION, PBSServer, Queue

# (attribute, resource or None, value as text)
Attribute = tuple[str, "str | None", str]


# Attributes of a job that only managers and operators see.
_MANAGERS_ONLY = frozenset({"schedselect", "euser", "egroup", "hashname", "queue_rank", "queue_type", "run_version"})


def job_attributes(server: PBSServer, job: Job, for_manager: bool = True) -> list[Attribute]:
    """All attributes of a job that a manager may see, or any user."""
    result: list[Attribute] = []

    def add(name: str, value: object, resource: str | None = None) -> None:
        if value is not None:
            result.append((name, resource, str(value)))

    def when(name: str, seconds: int | None) -> None:
        if seconds is not None:
            result.append((name, None, time.ctime(seconds)))

    kept = job.attributes
    add("Job_Name", job.name)
    add("Job_Owner", f"{job.owner}@{job.owner_host}")
    if job.session_id is not None:
        for resource, value in (
                ("cpupercent", "0"), ("cput", job.used_cput), ("mem", job.used_memory),
                ("ncpus", job.request.listed["ncpus"]), ("vmem", job.used_vmem),
                ("walltime", server.used_walltime(job))):
            add("resources_used", value, resource)
    add("job_state", job.state)
    add("queue", job.queue)
    add("server", job.server)
    add("Account_Name", kept.get("Account_Name"))
    add("Checkpoint", kept.get("Checkpoint", "u"))
    when("ctime", job.ctime)
    add("depend", kept.get("depend"))
    add("Error_Path", job.error_path)
    add("exec_host", job.exec_host)
    add("exec_vnode", job.exec_vnode)
    when("Execution_Time", job.execution_time)
    add("group_list", kept.get("group_list"))
    add("Hold_Types", job.holds or "n")
    add("Join_Path", kept.get("Join_Path", "n"))
    add("Keep_Files", kept.get("Keep_Files", "n"))
    add("Mail_Points", kept.get("Mail_Points", "a"))
    add("Mail_Users", kept.get("Mail_Users"))
    when("mtime", job.mtime)
    add("Output_Path", job.output_path)
    add("Priority", job.priority)
    when("qtime", job.qtime)
    add("Remove_Files", kept.get("Remove_Files"))
    add("Rerunable", job.rerunable)
    for resource, value in job.request.listed.items():
        add("Resource_List", value, resource)
    add("schedselect", job.request.schedselect)
    when("stime", job.stime)
    when("obittime", job.obittime)
    add("session_id", job.session_id)
    add("Shell_Path_List", kept.get("Shell_Path_List"))
    add("sandbox", kept.get("sandbox"))
    if job.run_count and job.allocations:
        add("jobdir", job.home)
    add("stagein", kept.get("stagein"))
    add("stageout", kept.get("stageout"))
    add("substate", job.substate)
    add("User_List", kept.get("User_List"))
    add("Variable_List", job.variables)
    add("euser", job.owner)
    add("egroup", job.group)
    if job.run_count:
        add("hashname", job.id)
    add("queue_rank", job.queue_rank)
    add("queue_type", "E")
    add("comment", server.comment(job))
    when("etime", job.etime)
    add("umask", kept.get("umask"))
    add("block", kept.get("block"))
    if job.run_count:
        add("run_count", job.run_count)
    add("Stageout_status", kept.get("Stageout_status"))
    add("Exit_status", job.exit_status)
    if job.submit_arguments:
        add("Submit_arguments", " ".join(job.submit_arguments))
    if job.executable is not None:
        add("executable", f"<jsdl-hpcpa:Executable>{job.executable}</jsdl-hpcpa:Executable>")
    if job.arguments:
        add("argument_list", "".join(
            f"<jsdl-hpcpa:Argument>{escape(argument)}</jsdl-hpcpa:Argument>" for argument in job.arguments))
    add("history_timestamp", job.history_timestamp)
    add("project", job.project)
    if job.run_count:
        add("run_version", job.run_count)
    add("Submit_Host", job.owner_host)
    return result if for_manager else [item for item in result if item[0] not in _MANAGERS_ONLY]


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
    result += [("resv_enable", None, "True"), ("sharing", None, "default_shared"), ("license", None, "l"),
               ("last_state_change_time", None, str(host.state_changed)),
               ("last_used_time", None, str(host.last_used))]
    return result
