"""What a job holds on this host."""
import collections
import re
from typing import List, Optional

import pbs

from .amounts import Amounts, Held, parse_amount
from .context import Host
from .jobs import Job
from .names import is_here


def chunks_here(job: Job, host_names: List[str]) -> List[str]:
    """The chunks of exec_vnode that lie on this host, without their parentheses.

    exec_host2 names the host of each chunk in the same order ("node1:15002/1+node2:15002/0"
    for "(node1:ncpus=1)+(node2:ncpus=1)"), so vnodes may have any names. Without it, a
    vnode belongs to the host that it is named after, as in "node1" and "node1[0]".
    """
    chunks = re.findall(r"\(([^)]*)\)", job.exec_vnode)
    hosts = [part.split("/")[0].split(":")[0] for part in job.exec_host2.split("+") if part]
    if len(hosts) != len(chunks):
        hosts = [chunk.split(":")[0].split("[")[0] for chunk in chunks]
    return [chunk for chunk, host in zip(chunks, hosts) if is_here(host, host_names)]


def is_exclusive(job: Job, chunks: List[str]) -> bool:
    """Whether a job has a host for itself: place=exclhost, or place=excl where the host is one
    vnode. With several, which have an index ("node1[0]"), excl counts for those of the job."""
    words = job.place.split(":")
    vnodes = [vnode.split(":")[0] for chunk in chunks for vnode in chunk.split("+")]
    return bool(chunks) and ("exclhost" in words or "excl" in words and not any("[" in name for name in vnodes))


def held_here(job: Job, host: Host) -> Optional[Held]:
    """What a job holds on this host, summed over its chunks and their vnodes. ncpus is cpu,
    mem is memory, others count where the `resources` setting names them.

    None, where it is memory alone: PBS runs any number of jobs with ncpus=0 on a host, and
    static pods for them would use up the node's pods.
    """
    chunks = chunks_here(job, host.names)
    exclusive = is_exclusive(job, chunks)
    names = dict(host.settings.resources, ncpus="cpu", mem="memory")
    held: Amounts = collections.OrderedDict()
    for chunk in chunks:
        for vnode in chunk.split("+"):
            for assignment in vnode.split(":")[1:]:
                resource, _, value = assignment.partition("=")
                if resource in names:
                    name = names[resource]
                    try:
                        amount = parse_amount(value) * (1000 if name == "cpu" else 1)
                    except ValueError as error:
                        pbs.logjobmsg(job.id, "pbs_kubernetes: cannot reserve %s: %s" % (resource, error))
                        continue
                    held[name] = held.get(name, 0) + amount
    return Held(held, exclusive) if is_worth_a_pod(held, exclusive) else None


def is_worth_a_pod(amounts: Amounts, exclusive: bool) -> bool:
    """Whether a job holds more than memory."""
    return exclusive or any(amount for name, amount in amounts.items() if name != "memory")


def reserved_here(job: Job, host: Host) -> Optional[Held]:
    """What of it is to be reserved: all, or all but devices, by the setting reserve_devices."""
    held = held_here(job, host)
    if held is None or host.settings.reserve_devices == "count":
        return held
    amounts = collections.OrderedDict((name, amount) for name, amount in held.amounts.items() if not is_device(name))
    return Held(amounts, held.exclusive) if is_worth_a_pod(amounts, held.exclusive) else None


def is_device(name: str) -> bool:
    """Whether a Kubernetes resource is one of a device plugin: such names have a slash."""
    return "/" in name
