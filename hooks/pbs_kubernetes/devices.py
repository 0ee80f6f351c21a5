"""Which CPUs and devices PBS gave to a pod's job, made known before the pod starts."""
import json
import os
import re
from typing import Any, Dict, List

import pbs

from .context import Host
from .holdings import chunks_here
from .jobs import JOB_ID, Job
from .mom import job_directory
from .text import LONGEST_FILE, printable, read_file

# The job's variable that says so, and what it holds at most, in octets. Of what a MoM hook may set, the server is told the
# variables with the job's very start, and they stay as they are: resources_used change all the time.
DEVICES_VARIABLE = "KUBERNETES_DEVICES"
LONGEST_VALUE = 4096
# Variables that pbs_cgroups writes down for a job: the devices' own names, which do not change.
GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"
# What may be part of a device's name, which goes into a pod's environment.
DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")


def read_variables(path: str) -> Dict[str, str]:
    """The variables in a file of NAME=VALUE lines; empty where there is none."""
    try:
        lines = read_file(path, LONGEST_FILE).splitlines()
    except (OSError, ValueError):
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def read_assigned(path: str) -> Dict[str, Any]:
    """What pbs_cgroups wrote down of a job's share of this host; empty where there is nothing."""
    try:
        values = json.loads(read_file(path, LONGEST_FILE))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def ranges(numbers: Any) -> str:
    """Whole numbers in the manner of the kernel's lists of CPUs, "0-3+8"; empty where they are none."""
    if not isinstance(numbers, list) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        return ""
    parts: List[List[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return "+".join(str(first) if first == last else "%d-%d" % (first, last) for first, last in parts)


def names(values: Any) -> str:
    """Names of devices in one text; those that are none are left out."""
    if not isinstance(values, list):
        return ""
    return "+".join(value for value in values if isinstance(value, str) and DEVICE_NAME.fullmatch(value))


def assigned_here(job: Job, host: Host) -> Dict[str, str]:
    """What PBS gave to a job on this host, by kind: "gpus" (UUIDs of GPUs and MIG devices), "devices" (PBS's own
    names), "cpus" and "mems" (where pbs_cgroups has cpusets), "vnodes" (where the host has several). Kinds of
    which nothing is known are left out."""
    if not re.fullmatch(JOB_ID, job.id):  # it is going to be part of a path
        return {}
    home = os.path.dirname(os.path.dirname(job_directory()))
    variables = read_variables(os.path.join(home, "aux", job.id + ".env"))
    assigned = read_assigned(os.path.join(home, "mom_priv", "hooks", "hook_data", job.id))
    vnodes = [vnode.split(":")[0] for chunk in chunks_here(job, host.names) for vnode in chunk.split("+")]
    found = {
        "gpus": names([part.strip() for part in variables.get(GPU_VARIABLE, "").split(",")]),
        "devices": names(assigned.get("device_names")),
        "cpus": ranges(assigned.get("cpuset.cpus")),
        "mems": ranges(assigned.get("cpuset.mems")),
        "vnodes": "+".join(vnodes) if any("[" in vnode for vnode in vnodes) else "",
    }
    return {kind: value for kind, value in found.items() if value}


def tell_devices(attributes: Any, job: Job, host: Host) -> None:
    """execjob_begin of a pod's job: write into the job what PBS gave it here, where that is known, as
    "kind=name+name;kind=name". `attributes` is PBS's object of the job. PBS has commas between variables."""
    found = assigned_here(job, host)
    if not found and DEVICES_VARIABLE not in job.environment:
        return
    text = ";".join("%s=%s" % pair for pair in sorted(found.items()))
    if len(text) > LONGEST_VALUE:
        pbs.logjobmsg(job.id, "pbs_kubernetes: what PBS gave to the job is too long to be told: %s" % printable(text))
        return
    attributes.Variable_List[DEVICES_VARIABLE] = text
    pbs.logjobmsg(job.id, "pbs_kubernetes: PBS gave it %s" % printable(text))
