"""Native jobs' shares of this host in Kubernetes."""
import collections
import glob
import os
from typing import List, Optional

import pbs

from .amounts import Amounts, Held, add, describe
from .api import LONGEST_WAIT_OF_MOM
from .context import Host
from .holdings import is_device, reserved_here
from .jobs import Job
from .manifests import manifest, manifest_path, read_reservations, remove_manifest, write_manifest
from .mom import event_time, job_directory, job_files
from .nodes import free_in_kubernetes
from .settings import Settings
from .text import written_before


# A temporary file that is older was left by a hook that was killed. Seconds.
LEFT_BEHIND = 60


class Refusal(Exception):
    """Strict mode's reason to turn an event down."""


def reserve(job: Job, host: Host) -> None:
    """Write a native job's manifest, unless it is there."""
    directory = host.settings.kubelet_config
    if not directory or not host.settings.reserve:
        return
    held = reserved_here(job, host)
    if held is None:
        pbs.logjobmsg(job.id, "pbs_kubernetes: holds no CPU and no device on this host, so nothing is reserved")
        return
    try:
        existing = read_reservations(directory)
        if job.id in existing and existing[job.id].holds == held:
            return
        # MoM waits for this event, and with it all jobs of this host.
        room = free_in_kubernetes(host, existing, LONGEST_WAIT_OF_MOM)
        put_reservation(directory, job.id, held, grant(held, room, host.settings), host.settings)
    except OSError as error:
        message = "cannot reserve the job's share of this host in Kubernetes: %s" % error
        if host.settings.strict:
            raise Refusal(message)
        pbs.logjobmsg(job.id, "pbs_kubernetes: " + message)


def grant(held: Held, room: Optional[Amounts], settings: Settings) -> Optional[Amounts]:
    """What a native job's static pod requests: all that the job holds, or all of the host where
    it has that for itself, but no more than is free.

    kubelet takes every static pod for a critical one and evicts other pods where there is
    no room for it ("Preempted in order to admit critical pod"). There is none while the pod
    of the job before still terminates, where PBS has given the place of a frozen pod to
    another job, and where PBS has more CPUs to give than Kubernetes counts as allocatable.
    None means that not even a pod that requests nothing has room.
    """
    if room is None:
        return held.amounts
    if room.get("pods", 1) < 1:
        return None
    wanted = held.amounts
    if held.exclusive:
        devices = settings.reserve_devices == "count"
        wanted = collections.OrderedDict(
            (name, room[name]) for name in sorted(room) if name in ("cpu", "memory") or devices and is_device(name))
        wanted.update((name, 0) for name in held.amounts if name not in wanted)
    return collections.OrderedDict((name, max(0, min(amount, room.get(name, 0)))) for name, amount in wanted.items())


def put_reservation(directory: str, job_id: str, held: Held, requests: Optional[Amounts], settings: Settings) -> None:
    """Write a job's manifest, and say how much of what the job holds it requests."""
    if requests is None:
        pbs.logjobmsg(job_id, "pbs_kubernetes: Kubernetes has no room for one more pod on this host")
        return
    write_manifest(directory, manifest(job_id, held, requests, settings), job_id)
    if held.exclusive:
        less = ", all that is free there: the host is the job's own"
    else:
        less = "" if requests == held.amounts else " of %s: no more is free there" % describe(held.amounts)
    pbs.logjobmsg(job_id, "pbs_kubernetes: reserved %s in Kubernetes%s" % (describe(requests), less))


def release(job_id: str, settings: Settings) -> None:
    """Remove a native job's manifest."""
    if not settings.kubelet_config:
        return
    try:
        if remove_manifest(manifest_path(settings.kubelet_config, job_id)):
            pbs.logjobmsg(job_id, "pbs_kubernetes: released its share of this host in Kubernetes")
    except OSError as error:
        # The next exechost_periodic event tries again.
        pbs.logjobmsg(job_id, "pbs_kubernetes: cannot release its share of this host: %s" % error)


def heal_reservations(jobs: List[Job], natives: List[Job], host: Host) -> None:
    """Make the manifest directory agree with the jobs on this host, and with the native ones
    among them."""
    directory = host.settings.kubelet_config
    if not directory:
        return
    if not os.path.isdir(directory):
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: kubelet_config %s is not a directory here" % directory)
        return
    existing = read_reservations(directory)
    if not host.settings.reserve:
        for job_id in existing:
            release(job_id, host.settings)
        return
    # The list may be older than the directory: MoM's files tell of jobs that have begun since.
    listed = {job.id for job in jobs}.union(job_files(job_directory()))
    gone = [job_id for job_id in existing if job_id not in listed]
    gone += [job.id for job in natives if job.suspended and job.id in existing]
    moment = event_time()
    for job_id in gone:
        if written_before(existing[job_id].path, moment):
            release(job_id, host.settings)
    for temporary in glob.glob(os.path.join(glob.escape(directory), ".pbs-*")):
        if written_before(temporary, moment - LEFT_BEHIND):
            remove_manifest(temporary)

    wanted = []
    for job in sorted(natives, key=lambda job: (job.start_time, job.id)):
        held = reserved_here(job, host)
        before = existing.get(job.id)
        if held is None:
            continue
        # What others leave to an exclusive job changes as long as it runs.
        whole = before is not None and before.holds == held and before.requests == held.amounts and not held.exclusive
        if not whole and not job.suspended and not job.exiting:
            wanted.append((job.id, held, before))
    if not wanted:
        return
    kept = {job_id: reservation for job_id, reservation in existing.items() if job_id not in gone}
    room = free_in_kubernetes(host, kept)
    for job_id, held, before in wanted:
        free = dict(room) if room is not None else None
        if free is not None and before is not None:
            add(free, before.requests)
            free["pods"] = free.get("pods", 0) + 1
        requests = grant(held, free, host.settings)
        # Changing a manifest restarts its pod: only for something that changes.
        if before is not None and (before.holds, before.requests) == (held, requests):
            continue
        try:
            put_reservation(directory, job_id, held, requests, host.settings)
        except OSError as error:
            pbs.logjobmsg(job_id, "pbs_kubernetes: cannot reserve the job's share of this host: %s" % error)
            continue
        if free is not None and requests is not None:
            add(free, requests, -1)
            free["pods"] = free.get("pods", 0) - 1
            room = free
