"""qselect: the ids of the jobs that fit all its options."""

from __future__ import annotations

import time

from .. import errors
from ..criteria import OPERATORS, Criterion, select
from ..errors import PBSError
from ..invocation import Answer, Invocation
from ..options import getopt
from ..server import PBSServer

_USAGE = ("usage: qselect [-a [op]date_time] [-A account_string] [-c [op]interval]\n"
          "\t[-h hold_list] [-H] [-J] [-l resource_list] [-N name] [-p [op]priority]\n"
          "\t[-q destination] [-r y|n] [-s states] [-t subopt[op]date_time] [-T] [-P project_name]\n"
          "\t[-x] [-u user_name]\n       qselect --version")
_LETTERS = "a:A:c:h:HJl:N:p:q:r:s:t:Tu:xP:"
_STATES = "EHQRTWSUBXFM"
# The attribute that an option compares, and those that -t does by its first letter.
_ATTRIBUTES = {"N": "Job_Name", "q": "destination", "u": "User_List", "P": "project", "A": "Account_Name", "p": "Priority",
               "h": "Hold_Types", "r": "Rerunable", "c": "Checkpoint"}
_TIMES = {"c": "ctime", "e": "etime", "m": "mtime", "q": "qtime", "s": "stime", "a": "Execution_Time"}
_WITH_OPERATOR = frozenset("qphc")


class _Illegal(Exception):
    """An option value that the command itself or its library refuses."""


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qselect."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, _LETTERS)
    criteria: list[Criterion] = []
    history = arrays_only = False
    try:
        if problems or operands:
            raise _Illegal("")
        for letter, value in options:
            if letter == "x":
                history = True
            elif letter == "H":
                history = True
                criteria.append(Criterion("job_state", "eq", "FM"))
            elif letter == "J":
                arrays_only = True
            elif letter != "T":
                criteria += _criteria(letter, value)
        if history and not server.settings.history:
            # The one failure that exits with 0 (qselect.c).
            answer = Answer()
            answer.fail(f"qselect: {errors.TEXTS[errors.HISTORY_NOT_ENABLED]}")
            return answer
        jobs = select(server, criteria, history)
    except _Illegal as problem:
        lines = [*problems, *([str(problem)] if str(problem) else []), _USAGE]
        return Answer(2, err=[f"{line}\n" for line in lines], connections=0)
    except PBSError as problem:
        return Answer(problem.exit_status, err=[f"qselect: {problem.text}\n"])
    return Answer(out=[f"{job.id}\n" for job in jobs if not arrays_only])


def _operator(value: str) -> tuple[str, str]:
    """ ".gt.5" as ("gt", "5"), "5" as ("eq", "5")."""
    if value.startswith("."):
        return (value[1:3] if value[1:3] in OPERATORS else "eq"), value[4:]
    return "eq", value


def _criteria(letter: str, value: str) -> list[Criterion]:
    """What an option asks of a job."""
    name, operand = _operator(value) if letter in _WITH_OPERATOR or letter == "s" else ("eq", value)
    if letter == "s":
        if not operand or set(operand) - set(_STATES):
            raise _Illegal("qselect: illegal -s value")
        return [Criterion("job_state", name, operand)]
    if letter in ("t", "a"):
        return [_time_criterion(letter, value)]
    if letter == "r":
        if not value.strip() or value.strip()[0] not in "yn":
            raise _Illegal("qselect: illegal -r value")
    if letter == "l":
        return _resource_criteria(value)
    return [Criterion(_ATTRIBUTES[letter], name, operand)]


def _resource_criteria(value: str) -> list[Criterion]:
    criteria: list[Criterion] = []
    for item in value.split(","):
        resource, _, rest = item.partition(".")
        name, _, wanted = rest[:2], rest[2:3], rest[3:]
        if name not in OPERATORS or not wanted:
            raise _Illegal(f"qselect: illegal -l value\nresource_list: {value}")
        criteria.append(Criterion("Resource_List", name, wanted, resource))
    return criteria


def _time_criterion(letter: str, value: str) -> Criterion:
    which = "a" if letter == "a" else value[:1]
    if which not in _TIMES:
        raise _Illegal("qselect: illegal -t value")
    name, text = _operator(value if letter == "a" else value[1:])
    moment = parse_date(text, time.time())
    if moment is None:
        raise _Illegal(f"qselect: illegal -{letter} value")
    return Criterion(_TIMES[which], name, str(moment))


def parse_date(text: str, now: float) -> int | None:
    """Seconds since the epoch of "[[[[CC]YY]MM]DD]hhmm[.SS]", or None (OpenPBS src/lib/Libcmds/cvtdate.c).

    Without a day, a time that has passed today means tomorrow.
    """
    digits, dot, seconds = text.partition(".")
    if not digits.isdigit() or len(digits) not in (4, 6, 8, 10, 12):
        return None
    if dot and not (seconds.isdigit() and len(seconds) == 2):
        return None
    today = time.localtime(now)
    year, month, day = today.tm_year, today.tm_mon, today.tm_mday
    if len(digits) == 12:
        year = int(digits[:4])
    elif len(digits) == 10:
        year = 2000 + int(digits[:2])
    if len(digits) >= 8:
        month = int(digits[-8:-6])
    if len(digits) >= 6:
        day = int(digits[-6:-4])
    hour, minute, second = int(digits[-4:-2]), int(digits[-2:]), int(seconds or 0)
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    moment = int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    if len(digits) == 4 and moment < now:
        moment = int(time.mktime((year, month, day + 1, hour, minute, second, 0, 0, -1)))
    return moment
