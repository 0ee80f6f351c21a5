"""Text that would pass for something else."""
import re
from typing import Any, Iterable, Tuple

from .refusal import Refusal

# PBS writes values as they are, line feeds and all, into qstat's output, printjob's, and the
# file by which MoM hands an event to hooks. A line in a value that reads like one of theirs is
# taken for one. Line feeds alone are common: `qsub -V` exports the shell's functions, in which
# nothing is assigned with spaces around the equals sign.
FORGED_LINE = re.compile(
    r"[\r\n]\s*(?:Job Id:|jobid:|pbs\.|--attributes--|"
    r"(?:Job_Owner|Job_Name|job_state|substate|stime|session_id|exec_host2?|exec_vnode|Exit_status|run_count|comment|"
    r"Variable_List|Resource_List\.\w+|resources_used\.\w+)[ \t]+=[ \t])")
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def texts_of(job: Any) -> Iterable[Tuple[str, str]]:
    """The name of each attribute that is set and its text; each variable for itself."""
    for name in job.attributes:
        value = None if name.startswith("_") else getattr(job, name, None)
        if isinstance(value, dict):
            for pair in value.items():
                yield name, "%s=%s" % pair
        elif value is not None:
            yield name, str(value)


def refuse_forgeries(job: Any) -> None:
    """Refuse a value of which a line reads like PBS's own."""
    for name, text in texts_of(job):
        match = FORGED_LINE.search(text)
        if match is not None:
            raise Refusal("%s has a line that begins with %r, which PBS would take for its own"
                          % (name, match.group().strip()))


def refuse_control_characters(job: Any) -> None:
    """Refuse them in what is to be a pod's job."""
    for name, text in texts_of(job):
        if CONTROL_CHARACTER.search(text):
            raise Refusal("%s of a pod's job has a control character" % name)
