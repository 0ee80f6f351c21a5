"""A job and everything PBS keeps about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from .selection import ResourceRequest


class Substate:
    """Substates of a job (OpenPBS src/include/job.h)."""

    QUEUED = 10
    HELD = 20
    DEPENDENCY_HELD = 22
    WAITING = 30
    PRERUN = 41
    RUNNING = 42
    SUSPENDED = 43
    SCHEDULER_SUSPENDED = 45
    EXITING = 50
    STAGEOUT = 51
    TERMINATED = 91
    FINISHED = 92
    FAILED = 93


@dataclass
class Allocation:
    """What one chunk of a running job holds on one vnode.

    `host` is the vnode's name, `on` that of its host where it has another; `amounts` are the consumable resources (mem in KiB); `text` is the chunk
    as exec_vnode shows it, `index` the job's slot on that host, of exec_host.
    """

    host: str
    amounts: dict[str, int]
    text: str
    index: int = 0
    on: str = ""


@dataclass
class Job:
    """A job. Times named *time are seconds since the epoch; *_at are monotonic seconds."""

    id: str
    sequence: int
    name: str
    owner: str
    owner_host: str
    uid: int
    group: str
    home: str
    queue: str
    server: str
    request: ResourceRequest
    variables: str
    output_path: str
    error_path: str
    submit_arguments: list[str]
    queue_rank: int
    ctime: int
    qtime: int
    mtime: int
    etime: int | None = None
    stime: int | None = None
    obittime: int | None = None
    # When the scheduler expects it to start, where the site has that computed.
    estimated_start: int | None = None
    history_timestamp: int | None = None
    execution_time: int | None = None
    state: str = "Q"
    substate: int = Substate.QUEUED
    holds: str = ""
    rerunable: bool = True
    # Somebody has said so, as qsub always does; only then it is shown.
    says_rerunable: bool = True
    says_holds: bool = True
    priority: int | None = 0
    project: str = "_pbs_project_default"
    comment: str | None = None
    executable: str | None = None
    arguments: list[str] = field(default_factory=list)
    script: str | None = None
    # Attributes that are only kept and shown: depend, group_list, Account_Name, umask ...
    attributes: dict[str, str] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    run_count: int = 0
    session_id: int | None = None
    exit_status: int | None = None
    used_cput: str = "00:00:00"
    used_memory: str = "0kb"
    used_vmem: str = "0kb"
    used_walltime: int = 0
    deleted_by: str | None = None
    holds_resources: bool = False
    # qdel -x: no history is kept of it.
    delete_history: bool = False
    # The program ends by itself after so many seconds (a /bin/sleep N).
    runs_for: float | None = None
    running_at: float | None = None
    suspended_at: float | None = None
    # The scheduling cycle after which the job joined the queue.
    queued_in_cycle: int = 0
    # Timers set for an earlier generation are void.
    timer_generation: int = 0

    @property
    def live(self) -> bool:
        """Whether the job is still ahead of its end (not in the history)."""
        return self.state not in ("F", "M")

    @cached_property
    def pod_uid(self) -> str | None:
        """KUBERNETES_POD_UID of the job's environment, or None for a native job."""
        return self.variable("KUBERNETES_POD_UID")

    def variable(self, name: str) -> str | None:
        """One variable of Variable_List, or None."""
        prefix = name + "="
        for item in split_variables(self.variables):
            if item.startswith(prefix):
                return item[len(prefix):]
        return None

    @property
    def exec_vnode(self) -> str | None:
        """Where the job runs and what it holds there, chunk by chunk; None before it ran."""
        if not self.allocations:
            return None
        return "+".join(f"({allocation.text})" for allocation in self.allocations)

    @property
    def exec_host(self) -> str | None:
        """Host and slot of each chunk, with "*N" where it has N cpus; None before it ran."""
        if not self.allocations:
            return None
        parts: list[str] = []
        for allocation in self.allocations:
            ncpus = allocation.amounts.get("ncpus", 1)
            parts.append(f"{allocation.on or allocation.host}/{allocation.index}" + (f"*{ncpus}" if ncpus != 1 else ""))
        return "+".join(parts)

    @property
    def hosts(self) -> list[str]:
        """The hosts of the job, the first one first, each once."""
        return list(dict.fromkeys(allocation.host for allocation in self.allocations))


def split_variables(text: str) -> list[str]:
    """The items of a Variable_List, split at commas without a backslash before them; "\\," becomes ",".

    Other backslashes stay as they are (prt_attr() in OpenPBS src/cmds/qstat.c).
    """
    return [item.replace("\\,", ",") for item in re.split(r"(?<!\\),", text)]
