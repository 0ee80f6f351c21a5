"""qselect: the ids of the jobs that fit all its options."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

from .. import errors
from ..errors import PBSError, error
from ..invocation import Answer, Invocation
from ..job import Job
from ..options import getopt
from ..quantities import Size, parse_duration
from ..selection import ResourceType
from ..server import PBSServer

_USAGE = ("usage: qselect [-a [op]date_time] [-A account_string] [-c [op]interval]\n"
          "\t[-h hold_list] [-H] [-J] [-l resource_list] [-N name] [-p [op]priority]\n"
          "\t[-q destination] [-r y|n] [-s states] [-t subopt[op]date_time] [-T] [-P project_name]\n"
          "\t[-x] [-u user_name]\n       qselect --version")
_LETTERS = "a:A:c:h:HJl:N:p:q:r:s:t:Tu:xP:"
_STATES = "EHQRTWSUBXFM"
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
_TIMES: dict[str, Callable[[Job], int | None]] = {
    "c": lambda job: job.ctime, "e": lambda job: job.etime, "m": lambda job: job.mtime,
    "q": lambda job: job.qtime, "s": lambda job: job.stime, "a": lambda job: job.execution_time}

Test = Callable[[Job], bool]


class _Illegal(Exception):
    """An option value that the command itself or its library refuses."""


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qselect."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, _LETTERS)
    tests: list[Test] = []
    states: str | None = None
    history = False
    try:
        if problems or operands:
            raise _Illegal("")
        for letter, value in options:
            if letter == "x":
                history = True
            elif letter == "H":
                history, states = True, "FM"
            elif letter == "s":
                name, states = _operator(value)
                if not states or set(states) - set(_STATES):
                    raise _Illegal("qselect: illegal -s value")
                if name == "ne":
                    states = "".join(state for state in _STATES if state not in states)
            elif letter not in "TJ":
                tests.append(_test(server, letter, value))
            elif letter == "J":
                tests.append(lambda job: False)
        if history and not server.settings.history:
            # The one failure that exits with 0 (qselect.c).
            answer = Answer()
            answer.fail(f"qselect: {errors.TEXTS[errors.HISTORY_NOT_ENABLED]}")
            return answer
    except _Illegal as problem:
        lines = [*problems, *([str(problem)] if str(problem) else []), _USAGE]
        return Answer(2, err=[f"{line}\n" for line in lines], connections=0)
    except PBSError as problem:
        return Answer(problem.exit_status, err=[f"qselect: {problem.text}\n"])
    wanted = states if states is not None else "QRHWEST" + ("F" if history else "")
    if not history:
        wanted = wanted.replace("F", "").replace("M", "")
    jobs = server.in_states(dict.fromkeys(wanted))
    return Answer(out=[f"{job.id}\n" for job in jobs if all(test(job) for test in tests)])


def _operator(value: str) -> tuple[str, str]:
    """ ".gt.5" as ("gt", "5"), "5" as ("eq", "5")."""
    if value.startswith("."):
        return (value[1:3] if value[1:3] in _OPERATORS else "eq"), value[4:]
    return "eq", value


def _test(server: PBSServer, letter: str, value: str) -> Test:
    name, operand = _operator(value)
    compare = _OPERATORS[name]
    if letter == "N":
        return lambda job: job.name == value
    if letter == "q":
        queue = operand.split("@", 1)[0]
        if queue and queue not in server.queues:
            raise PBSError(errors.UNKNOWN_QUEUE, "Unknown queue destination")
        return lambda job: not queue or job.queue == queue
    if letter == "u":
        users = {user.split("@", 1)[0] for user in value.split(",")}
        return lambda job: job.owner in users
    if letter == "P":
        return lambda job: job.project == value
    if letter == "A":
        return lambda job: job.attributes.get("Account_Name") == value
    if letter == "p":
        if not operand.lstrip("-").isdigit():
            raise error(errors.BAD_ATTRIBUTE_VALUE, " Priority")
        return lambda job: compare(job.priority, int(operand))
    if letter == "h":
        holds = set(operand) - {"n"}
        return lambda job: compare(set(job.holds), holds)
    if letter == "r":
        if not value.strip() or value.strip()[0] not in "yn":
            raise _Illegal("qselect: illegal -r value")
        return lambda job: job.rerunable == (value.strip()[0] == "y")
    if letter == "l":
        return _resource_test(server, value)
    if letter in ("t", "a"):
        return _time_test(letter, value)
    return lambda job: compare(job.attributes.get("Checkpoint", "u"), operand)


def _resource_test(server: PBSServer, value: str) -> Test:
    parts: list[Test] = []
    for item in value.split(","):
        resource, _, rest = item.partition(".")
        name, _, wanted = rest[:2], rest[2:3], rest[3:]
        if name not in _OPERATORS or not wanted:
            raise _Illegal(f"qselect: illegal -l value\nresource_list: {value}")
        definition = server.resources.get(resource)
        if definition is None:
            raise error(errors.UNKNOWN_RESOURCE)

        def number(text: str, kind: ResourceType = definition.type) -> object:
            if kind is ResourceType.SIZE:
                size = Size.parse(text)
                return size.number << size.shift
            if kind is ResourceType.TIME:
                return parse_duration(text)
            return int(text) if kind is ResourceType.LONG else text

        def test(job: Job, resource: str = resource, compare: Callable[[Any, Any], bool] = _OPERATORS[name],
                 wanted: object = number(wanted), number: Callable[[str], object] = number,
                 less: bool = name in ("ne", "lt", "le")) -> bool:
            listed = job.request.listed.get(resource)
            return less if listed is None else compare(number(listed), wanted)

        parts.append(test)
    return lambda job: all(part(job) for part in parts)


def _time_test(letter: str, value: str) -> Test:
    which = "a" if letter == "a" else value[:1]
    if which not in _TIMES:
        raise _Illegal("qselect: illegal -t value")
    name, text = _operator(value if letter == "a" else value[1:])
    moment = parse_date(text, time.time())
    if moment is None:
        raise _Illegal(f"qselect: illegal -{letter} value")
    read, compare = _TIMES[which], _OPERATORS[name]
    return lambda job: (at := read(job)) is not None and compare(at, moment)


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
