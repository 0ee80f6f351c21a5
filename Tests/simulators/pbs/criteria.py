"""Which jobs a request selects: the criteria of qselect and pbs_selstat().

Source: OpenPBS src/server/req_select.c (build_selist(), select_job(), sel_attr()).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import errors
from .attributes import is_job_attribute, job_number, job_values
from .errors import error
from .job import Job
from .quantities import Size, parse_duration
from .selection import ResourceType
from .server import PBSServer

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
_NUMBERS = frozenset({"Priority", "substate", "session_id", "run_count", "Exit_status", "ctime", "etime", "mtime", "qtime",
                      "stime", "obittime", "Execution_Time"})
# What may be compared otherwise than as the same or not (no ATR_DFLAG_SELEQ in job_attr_def.xml).
_ORDERED = _NUMBERS | {"job_state", "Resource_List", "resources_used", "queue", "server", "Checkpoint", "destination",
                       "comment", "exec_host", "exec_vnode", "depend", "stagein", "stageout", "umask"}
_LIVE = "QRHWEST"

Test = Callable[[Job], bool]


@dataclass(frozen=True)
class Criterion:
    """`operator` is a name of OPERATORS; another one, as of a list for pbs_submit(), matches nothing."""

    attribute: str
    operator: str
    value: str
    resource: str | None = None


def select(server: PBSServer, criteria: Iterable[Criterion], history: bool) -> list[Job]:
    """The jobs that meet all criteria, in the order of the queue; finished ones only with `history`."""
    tests: list[Test] = []
    states = set(_LIVE + "F" if history else _LIVE)
    for criterion in criteria:
        tests.append(job_test(server, criterion))
        if (criterion.attribute, criterion.operator) == ("job_state", "eq"):
            # A suspended job counts as running here and there.
            states &= set(criterion.value) | ({"S"} if "R" in criterion.value else set())
    jobs = [job for state in states for job in server.by_state.get(state, {}).values() if all(test(job) for test in tests)]
    jobs.sort(key=lambda job: job.queue_rank)
    return jobs


def job_test(server: PBSServer, criterion: Criterion) -> Test:
    """Whether a job meets a criterion; raises what the server says of one that is none."""
    name, value = criterion.attribute, criterion.value
    compare = OPERATORS.get(criterion.operator, lambda mine, wanted: False)
    if name != "destination" and not is_job_attribute(name):
        raise error(errors.NO_SUCH_ATTRIBUTE, name)
    if name not in _ORDERED and criterion.operator not in ("eq", "ne"):
        raise error(errors.INVALID_REQUEST, f" {name}")
    if name == "job_state":
        return lambda job: _has_state(job, value, compare)
    if name == "User_List":
        users = {user.split("@", 1)[0] for user in value.split(",")}
        return lambda job: job.owner in users
    if name == "destination":
        queue = value.split("@", 1)[0]
        if queue and queue not in server.queues:
            raise error(errors.UNKNOWN_QUEUE, " destination")
        return lambda job: not queue or job.queue == queue
    if name == "Hold_Types":
        holds = set(value) - {"n"}
        return lambda job: compare(set(job.holds), holds)
    if name == "Rerunable":
        return lambda job: compare(job.rerunable, value.strip()[:1].lower() in ("y", "t", "1"))
    if name == "Resource_List":
        return _resource_test(server, criterion, compare)
    if name in _NUMBERS:
        return _number_test(server, criterion, compare)
    if name == "Checkpoint":
        return lambda job: compare(_checkpoint_rank(job.attributes.get(name, "")), _checkpoint_rank(value))
    return lambda job: compare(_text(server, job, name), value)


def _checkpoint_rank(value: str) -> int:
    """n > s > c=minutes > c > u, and none is least (order_chkpnt())."""
    return {"n": 5, "s": 4, "c": 3 if len(value) > 1 else 2, "u": 1}.get(value[:1], 0)


def _text(server: PBSServer, job: Job, name: str) -> str:
    found = job_values(server, job, [name])
    return found[0][2] if found else ""


def _has_state(job: Job, letters: str, compare: Callable[[Any, Any], bool]) -> bool:
    """A suspended job is kept as a running one: an S or R in front of the letters tells them apart (select_job())."""
    suspended = job.state == "S"
    matches = compare(0, 0 if ("R" if suspended else job.state) in letters else 1)
    if not matches:
        return letters.startswith("S") and suspended
    return not (letters.startswith("R") and suspended)


def _number_test(server: PBSServer, criterion: Criterion, compare: Callable[[Any, Any], bool]) -> Test:
    name = criterion.attribute
    try:
        wanted = int(criterion.value)
    except ValueError:
        raise error(errors.BAD_ATTRIBUTE_VALUE) from None

    # One that a job has not counts as 0 (comp_l()).
    return lambda job: compare(job_number(server, job, name) or 0, wanted)


def _resource_test(server: PBSServer, criterion: Criterion, compare: Callable[[Any, Any], bool]) -> Test:
    resource = criterion.resource or ""
    definition = server.resources.get(resource)
    if definition is None:
        raise error(errors.UNKNOWN_RESOURCE, f" Resource_List.{resource}")
    kind = definition.type

    def number(text: str) -> object:
        if kind is ResourceType.SIZE:
            size = Size.parse(text)
            return size.number << size.shift
        if kind is ResourceType.TIME:
            return parse_duration(text)
        return int(text) if kind is ResourceType.LONG else text

    try:
        wanted = number(criterion.value)
    except ValueError:
        raise error(errors.BAD_ATTRIBUTE_VALUE, f" Resource_List.{resource}") from None

    def test(job: Job) -> bool:
        listed = job.request.listed.get(resource)
        return criterion.operator in ("ne", "lt", "le") if listed is None else compare(number(listed), wanted)

    return test
