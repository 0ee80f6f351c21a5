"""What to do at each event of PBS."""
import os
from typing import Any, Callable, Dict, Optional

import pbs

from .accounting import account, last_seen, parse_duration, read_usage
from .agreement import Standing, pod_standing, pods_jobs
from .api import LONGEST_WAIT_OF_MOM
from .context import Host
from .devices import tell_devices
from .endings import end_pod, end_words
from .freezing import thaw
from .jobs import Job, event_job, pod_of
from .mom import event_time, job_directory, job_files, jobs_on_host
from .placeholders import put_placeholder
from .reports import forget_report, tell_server, warn_of_policies
from .reservations import heal_reservations, release, reserve
from .suspension import heal_suspension, suspend_pod
from .text import printable, read_text
from .usage_records import remove_record, remove_records_but


def job_begins(event: Any, host: Host) -> None:
    """execjob_begin on each host of a job; execjob_launch (first host only) where a site has that."""
    job = event_job(event.job)
    if pod_of(job, host.settings) is None:
        reserve(job, host)
    else:
        put_placeholder(host)
        tell_devices(event.job, job, host)


def job_epilogue(event: Any, host: Host) -> None:
    """execjob_epilogue: the job's processes have ended, its end is not yet reported."""
    job = event_job(event.job)
    pod = pod_of(job, host.settings)
    if pod is None:
        return
    standing = pod_standing(job, pod, host)
    if standing is not Standing.STRANGER:
        account(event.job, job, read_usage(host.settings, pod.uid) if standing is Standing.AGREED else None)


def job_ends(event: Any, host: Host) -> None:
    """execjob_end on each host, or execjob_abort for a job that did not get to run."""
    job = event_job(event.job)
    # Whatever the job is under today's settings, it may have begun as a native one.
    release(job.id, host.settings)
    remove_record(job.id)
    pod = pod_of(job, host.settings)
    if pod is not None:
        thaw(job, pod, host)  # a frozen container cannot end
        end_pod(job, pod, host, end_words(job))


def job_is_deleted(event: Any, host: Host) -> None:
    """execjob_preterm: somebody deletes the job (qdel). Its processes get SIGTERM next."""
    begin_end(event_job(event.job), "it is deleted, by qdel or for another job", host)


def job_says_it_ends(event: Any, host: Host) -> None:
    """execjob_attach: the placeholder has got SIGTERM, and asks by pbs_attach for what it is part of already.
    PBS has no event of its own for an exceeded walltime, or for a requeue."""
    job = event_job(event.job)
    command = read_text("/proc", str(event.pid), "cmdline") or ""
    # Other processes that somebody attaches to the job say nothing.
    if any(os.path.basename(argument) == "placeholder" for argument in command.split("\0")):
        walltime = parse_duration(str(event.job.Resource_List["walltime"] or "0"))
        exceeded = 0 < walltime <= last_seen(event.job.resources_used, "walltime", parse_duration)
        begin_end(job, "walltime exceeded" if exceeded else "terminated", host)


def begin_end(job: Job, reason: str, host: Host) -> None:
    """Have the pod of a job end while the job still waits for it, so that both have their time at once.
    Where that fails, execjob_end deletes the pod."""
    pod = pod_of(job, host.settings)
    if pod is not None:
        thaw(job, pod, host)
        end_pod(job, pod, host, "job %s is being ended by PBS: %s" % (job.id, reason), LONGEST_WAIT_OF_MOM)


def job_suspended(event: Any, host: Host) -> None:
    """execjob_postsuspend: PBS gives the job's resources to others."""
    job = event_job(event.job)
    pod = pod_of(job, host.settings)
    if pod is None:
        release(job.id, host.settings)
    else:
        suspend_pod(job, pod, host)


def job_resumes(event: Any, host: Host) -> None:
    """execjob_preresume: PBS gives the job its resources back."""
    job = event_job(event.job)
    pod = pod_of(job, host.settings)
    if pod is None:
        reserve(job, host)
    else:
        thaw(job, pod, host)


def host_starts(event: Any, host: Host) -> None:
    """exechost_startup: MoM has started, perhaps after a crash of the host."""
    forget_report()
    warn_of_policies()
    heal_by_files(host)


def heal_by_files(host: Host) -> None:
    """What can be done without a list of jobs."""
    put_placeholder(host)
    jobs = jobs_on_host()
    if jobs is not None:
        heal_reservations(jobs, [job for job in jobs if pod_of(job, host.settings) is None], host)


def host_periodic(event: Any, host: Host) -> None:
    """exechost_periodic, every `freq` seconds: heal, and account for pods' jobs."""
    if event.job_list is None:
        # Seen where a job's value had lines that read like MoM's own: PBS then makes no list at all.
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: PBS hands over no list of jobs, so their files are read instead, "
                   "and nothing is done to pods")
        heal_by_files(host)
        tell_server(event, host)
        return
    put_placeholder(host)
    files = job_files(job_directory())
    jobs = {}
    for job_id in event.job_list:
        # MoM hands the list over as lines of text, so that a value with a line feed in it could
        # make up a job. Those that MoM has have a file.
        if job_id in files:
            jobs[job_id] = event_job(event.job_list[job_id], job_id)
        else:
            pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: the event lists job %s, of which MoM has no file: passed over"
                       % printable(str(job_id)))
    remove_records_but(set(jobs).union(files), event_time())
    pods = pods_jobs([job for job in jobs.values() if not job.exiting], host)
    for job_id, known in pods.items():
        if known.standing is not Standing.STRANGER:
            account(event.job_list[job_id], known.job,
                    read_usage(host.settings, known.pod.uid) if known.standing is Standing.AGREED else None)
    strangers = {job_id for job_id, known in pods.items() if known.standing is Standing.STRANGER}
    natives = [job for job in jobs.values() if job.id in strangers or pod_of(job, host.settings) is None]
    heal_reservations(list(jobs.values()), natives, host)
    for known in pods.values():
        if known.standing is not Standing.STRANGER:
            heal_suspension(known, host)
    tell_server(event, host)


# By name, since not every release of PBS has all of them.
HANDLERS: Dict[str, Callable[[Any, Host], None]] = {
    "EXECJOB_BEGIN": job_begins,
    "EXECJOB_LAUNCH": job_begins,
    "EXECJOB_EPILOGUE": job_epilogue,
    "EXECJOB_END": job_ends,
    "EXECJOB_ABORT": job_ends,
    "EXECHOST_STARTUP": host_starts,
    "EXECHOST_PERIODIC": host_periodic,
    "EXECJOB_PRETERM": job_is_deleted,
    "EXECJOB_ATTACH": job_says_it_ends,
    "EXECJOB_POSTSUSPEND": job_suspended,
    "EXECJOB_PRERESUME": job_resumes,
}


def handler_of(event: Any) -> Optional[Callable[[Any, Host], None]]:
    """What to do at an event; None for one that this hook has no business with."""
    for name, handler in HANDLERS.items():
        if getattr(pbs, name, None) == event.type:
            return handler
    return None
