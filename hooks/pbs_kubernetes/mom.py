"""What MoM's own files tell of the jobs on this host, and of the event."""
import glob
import os
import re
import subprocess
import tempfile
import time
from typing import Dict, List, Optional

import pbs

from .jobs import JOB_ID, Job, PROOF_RESOURCE, job_from
from .text import printable


def job_directory() -> str:
    """Where MoM keeps a file (.JB) for each job on this host, from before it begins there
    until it has ended; .TK directories are there a little longer."""
    home = pbs.pbs_conf.get("PBS_MOM_HOME") or pbs.pbs_conf.get("PBS_HOME") or "/var/spool/pbs"
    return os.path.join(str(home), "mom_priv", "jobs")


def job_files(directory: str) -> Dict[str, str]:
    """MoM's job files: job id to path. A name that is no job id is no job's."""
    files = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "*.JB"))):
        job_id = os.path.basename(path)[:-len(".JB")]
        if re.fullmatch(JOB_ID, job_id):
            files[job_id] = path
        else:
            pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: %s is not named after a job, passed over" % printable(path))
    return files


# For all of MoM's job files together, in seconds; and for what printjob says of one, in octets.
LONGEST_READING = 10
LONGEST_JOB = 2 ** 20


def jobs_from_files(directory: str) -> List[Job]:
    """The jobs on this host as MoM's files tell them, read by PBS's printjob; events that
    carry no job list (exechost_startup) have no other source.

    printjob writes values as they are. One process for each file keeps what a user wrote into
    one job from passing for another; a job that cannot be told from a forgery is left out.
    """
    files = job_files(directory)
    if not files:
        return []
    bin_directory = os.path.join(str(pbs.pbs_conf.get("PBS_EXEC") or "/opt/pbs"), "bin")
    # Where a server runs, `printjob` asks its database; printjob.bin reads files.
    program = os.path.join(bin_directory, "printjob.bin")
    if not os.path.exists(program):
        program = os.path.join(bin_directory, "printjob")
    deadline = time.monotonic() + LONGEST_READING
    jobs = []
    for job_id, path in files.items():
        try:
            jobs.append(parse_printjob(printjob(program, path, deadline), job_id))
        except ValueError as error:
            # A job that has ended meanwhile has taken its file along.
            if os.path.exists(path):
                pbs.logjobmsg(job_id, "pbs_kubernetes: its file is not believed, "
                              "left to exechost_periodic: %s" % printable(str(error)))
    return jobs


def printjob(program: str, path: str, deadline: float) -> str:
    """What printjob prints of one job file; `deadline` is a time.monotonic() value. ValueError
    where that is too much, subprocess.TimeoutExpired where it takes too long."""
    # A file takes any length without a reader, and its size is known before it is read.
    with tempfile.TemporaryFile() as output:
        subprocess.run([program, path], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL,
                       timeout=max(0.01, deadline - time.monotonic()))
        if output.tell() > LONGEST_JOB:
            raise ValueError("printjob says more than %d octets" % LONGEST_JOB)
        output.seek(0)
        return output.read().decode("utf-8", "replace")


# printjob's "name = value" lines that matter here. One that comes twice may be part of a value
# that its user wrote.
PRINTJOB_LINE = re.compile(r"^(Job_Owner|substate|stime|session_id|exec_vnode|exec_host2|Variable_List|"
                           r"Resource_List\.(?:place|%s)) = (.*)$" % PROOF_RESOURCE, re.MULTILINE)


def parse_printjob(output: str, job_id: str) -> Job:
    """The job in printjob's output of its file: "jobid:<tab>ID", then "name = value" lines, in
    PBS's own order. ValueError where it is another job's, or where a line stands there twice."""
    ids = re.findall(r"^jobid:[ \t]*(.*)$", output, re.MULTILINE)
    if ids != [job_id]:
        raise ValueError("it tells of %s" % (", ".join(ids) or "no job"))
    pairs = PRINTJOB_LINE.findall(output.partition("--attributes--\n")[2])
    attributes = dict(pairs)
    if len(attributes) != len(pairs):
        raise ValueError("an attribute stands there twice")
    return job_from(attributes.get, job_id)


def jobs_on_host() -> Optional[List[Job]]:
    """The jobs on this host as MoM's files tell them; None where they cannot be read."""
    try:
        return jobs_from_files(job_directory())
    except (OSError, subprocess.SubprocessError) as error:
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: cannot read MoM's job files: %s" % error)
        return None


# PBS loads this file anew for each event. Seconds since the epoch.
LOADED = time.time()


def event_time() -> float:
    """When MoM wrote down what this event carries, in seconds since the epoch.

    MoM starts exechost_periodic in the background and goes on: a job may begin, and its
    manifest be written, before this process reads the directory. MoM passes the event as a
    file ("pbs_python --hook -i FILE"), whose age tells what the job list can know of.
    """
    with open("/proc/self/cmdline", "rb") as file:
        arguments = os.fsdecode(file.read()).split("\0")
    if "--hook" in arguments and "-i" in arguments[:-1]:
        try:
            return os.stat(arguments[arguments.index("-i") + 1]).st_mtime
        except OSError as error:
            pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes: the event's time is not known: %s" % error)
    return LOADED
