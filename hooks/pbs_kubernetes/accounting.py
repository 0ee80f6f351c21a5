"""What a pod used, shown in PBS."""
import re
from typing import Any, Callable, Optional

import pbs

from .amounts import parse_amount
from .cgroups import find_pod_cgroup, is_unified
from .jobs import Job
from .settings import Settings
from .text import read_text
from .usage_records import Usage, read_record, write_record


def read_usage(settings: Settings, uid: str) -> Optional[Usage]:
    """What a pod has used, from its cgroup; None where it has none (not started, or gone)."""
    if not settings.cgroup_root:
        return None
    if is_unified(settings.cgroup_root):
        directory = find_pod_cgroup(settings, uid, ())
        if directory is None:
            return None
        match = re.search(r"^usage_usec (\d+)$", read_text(directory, "cpu.stat") or "", re.MULTILINE)
        cpu_time = int(match.group(1)) / 1e6 if match else None
        # memory.peak came with Linux 5.19.
        memory = read_text(directory, "memory.peak") or read_text(directory, "memory.current")
    else:
        cpu_directory = find_pod_cgroup(settings, uid, ("cpuacct", "cpu,cpuacct"))
        memory_directory = find_pod_cgroup(settings, uid, ("memory",))
        if cpu_directory is None or memory_directory is None:
            return None
        nanoseconds = read_text(cpu_directory, "cpuacct.usage")
        cpu_time = int(nanoseconds) / 1e9 if nanoseconds else None
        memory = read_text(memory_directory, "memory.max_usage_in_bytes")
    if cpu_time is None or memory is None:
        return None
    return Usage(cpu_time, int(memory))


def parse_duration(text: str) -> int:
    """Seconds of a PBS duration, "[[hours:]minutes:]seconds"."""
    seconds = 0
    for part in text.split(":"):
        seconds = seconds * 60 + int(float(part))
    return seconds


def last_seen(used: Any, resource: str, parse: Callable[[str], int]) -> int:
    """A value of resources_used as it stands, 0 where there is none."""
    value = used[resource]
    return 0 if value is None else parse(str(value))


def account(attributes: Any, job: Job, usage: Optional[Usage]) -> None:
    """Set resources_used of a pod's job to what its pod has used; `attributes` is PBS's object of
    the job, and `usage` None where the pod cannot be looked at.

    A value that a hook has set is kept by MoM, which would else report the placeholder
    process, and is sent to the server with the next update, until another hook sets it.
    """
    used = attributes.resources_used
    # kubelet may have made the cgroup anew; what was used before stays used.
    seen = [Usage(last_seen(used, "cput", parse_duration), last_seen(used, "mem", parse_amount))]
    seen += [known for known in (read_record(job.id), usage) if known is not None]
    most = Usage(max(known.cpu_time for known in seen), max(known.memory for known in seen))
    if usage is not None:
        write_record(job.id, most)
    walltime = last_seen(used, "walltime", parse_duration)
    used["cput"] = pbs.duration(int(most.cpu_time))
    used["mem"] = pbs.size("%dkb" % ((most.memory + 1023) // 1024))
    # Percent of one CPU, averaged over the job's life, as PBS's own cgroup hook has it.
    used["cpupercent"] = 100 * int(most.cpu_time) // walltime if walltime else 0
