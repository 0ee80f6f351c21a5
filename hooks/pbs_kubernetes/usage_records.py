"""What each pod was seen to use, kept in files.

Other hooks set resources_used as well (pbs_cgroups does, to what the placeholder used), and a pod's
cgroup is gone before its job has ended. So what was seen last is kept here and not in the job.
"""
import json
import os
import re
from typing import NamedTuple, Optional, Set

import pbs

from .jobs import JOB_ID
from .mom import job_directory
from .text import LONGEST_FILE, printable, read_file, written_before


class Usage(NamedTuple):
    """What a pod has used since it started."""
    cpu_time: float  # seconds
    memory: int  # peak, octets


def record_directory() -> str:
    """Where the records lie: beside MoM's job files, for root alone."""
    return os.path.join(os.path.dirname(job_directory()), "pbs_kubernetes")


def read_record(job_id: str) -> Optional[Usage]:
    """What the pod of a job was seen to use; None where there is no record that can be read."""
    try:
        values = json.loads(read_file(os.path.join(record_directory(), job_id), LONGEST_FILE))
        return Usage(float(values["cpu_time"]), int(values["memory"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        pbs.logjobmsg(job_id, "pbs_kubernetes: what its pod used before is not known: %s" % printable(str(error)))
        return None


def write_record(job_id: str, usage: Usage) -> None:
    """Keep what the pod of a job was seen to use. Where that fails, resources_used has to do."""
    if not re.fullmatch(JOB_ID, job_id):  # it is going to be a file's name
        return
    path = os.path.join(record_directory(), job_id)
    temporary = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(record_directory(), 0o700, exist_ok=True)
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(usage._asdict(), file)
        os.rename(temporary, path)
    except OSError as error:
        pbs.logjobmsg(job_id, "pbs_kubernetes: cannot keep what its pod used: %s" % error)


def remove_record(job_id: str) -> None:
    """Forget what the pod of a job used."""
    try:
        os.unlink(os.path.join(record_directory(), job_id))
    except FileNotFoundError:
        pass  # a native job, or one that never ran
    except OSError as error:
        pbs.logjobmsg(job_id, "pbs_kubernetes: cannot remove the record of its pod: %s" % error)


def remove_records_but(jobs: Set[str], moment: float) -> None:
    """Remove the records of all other jobs, where they are older than a moment (seconds since the epoch)."""
    directory = record_directory()
    if not os.path.isdir(directory):
        return
    for name in os.listdir(directory):
        if name not in jobs and written_before(os.path.join(directory, name), moment):
            remove_record(name)
