"""What each function of the library asks of the server.

Source: OpenPBS src/lib/Libifl/pbsD_*.c and src/server/req_*.c; function names in the comments are theirs.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import errors
from ..attributes import Attribute, host_attributes, job_values, queue_attributes, server_attributes, visible_job_attributes
from ..commands.pbsnodes import hosts_with_vnodes, merged
from ..criteria import OPERATORS, Criterion, select
from ..errors import PBSError, error
from ..job import Job
from ..server import PBSServer
from .call import Item, LibraryAnswer, LibraryCall
from .names import RefusedByLibrary, canonical, check_job_value
from .submission import alteration, submission

# enum batch_op of pbs_ifl.h, from EQ on.
_OPERATORS = dict(enumerate(("eq", "ne", "ge", "gt", "le", "lt"), 4))
assert set(_OPERATORS.values()) == set(OPERATORS)


def _connect(_server: PBSServer, _call: LibraryCall) -> LibraryAnswer:
    return LibraryAnswer()


def _submit(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    items, script, destination = call.items(), call.text(), call.text()
    return LibraryAnswer(fields=[server.submit(submission(server, call.uid, items, script, destination)).id])


# Jobs


def _selected(server: PBSServer, criteria: list[Item], extend: str) -> list[Job]:
    """req_selectjobs(): "x" in `extend` asks for the history too."""
    found: list[Criterion] = []
    for item, name in zip(criteria, canonical("job", criteria)):
        check_job_value(name, item, selecting=True)
        found.append(Criterion(name, _OPERATORS.get(item.operator, ""), item.value, item.resource))
    return select(server, found, _wants_history(server, extend))


def _wants_history(server: PBSServer, extend: str) -> bool:
    if "x" in extend and not server.settings.history:
        raise error(errors.HISTORY_NOT_ENABLED)
    return "x" in extend


def _selectjob(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    criteria, extend = call.items(), call.text()
    return LibraryAnswer(fields=[job.id for job in _selected(server, criteria, extend)])


def _selstat(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    criteria, wanted, extend = call.items(), call.items(), call.text()
    jobs = _selected(server, criteria, extend)
    # Names that do not exist are found when there is a job to tell of (status_job()).
    return _statuses(server, call, jobs, canonical("job", wanted) if jobs else [])


def _statuses(server: PBSServer, call: LibraryCall, jobs: list[Job], names: list[str]) -> LibraryAnswer:
    visible = visible_job_attributes(server.is_manager(call.user), names)
    answer = LibraryAnswer()
    for job in jobs:
        answer.add_object(job.id, job_values(server, job, visible))
    return answer


def _statjob(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    """req_stat_job(): ids with commas between them, a queue, or nothing for all; those are told that are known."""
    name, wanted, extend = call.text(), call.items(), call.text()
    names = canonical("job", wanted)
    history = _wants_history(server, extend)
    if name[:1].isdigit():
        return _statuses(server, call, _jobs_of_ids(server, name.split(","), history), names)
    if name[:1] not in ("", "@") and not name[:1].isalpha():
        raise error(errors.INVALID_REQUEST)
    jobs = server.in_states("QRHWESTFM" if history else "QRHWEST")
    if name[:1].isalpha():
        if name not in server.queues:
            raise error(errors.UNKNOWN_QUEUE)
        jobs = [job for job in jobs if job.queue == name]
    return _statuses(server, call, jobs, names)


def _jobs_of_ids(server: PBSServer, ids: list[str], history: bool) -> list[Job]:
    jobs: list[Job] = []
    problem: PBSError | None = None
    for job_id in ids:
        job = server.jobs.get(server.full_id(job_id))
        if job is None:
            problem = error(errors.UNKNOWN_JOB_ID)
        elif not job.live and not history:
            problem = error(errors.JOB_FINISHED)
        else:
            jobs.append(job)
    if not jobs and problem is not None:
        raise problem
    return jobs


def _deljoblist(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    """req_deletejob(): ids and error codes of those that it could not delete.

    The code of the whole request is that of the last one, unless a running job is still to
    answer. Where it knows none of them, it answers after the first. Beware of the real server,
    23.06.06: it crashes when a waiting job comes before two ids that it does not know.
    """
    ids, extend = call.strings(), call.text()
    if not any(server.full_id(job_id) in server.jobs for job_id in ids):
        del ids[1:]
    answer, running = LibraryAnswer(), False
    for job_id in dict.fromkeys(map(server.full_id, ids)):
        answer.code = 0
        job = server.jobs.get(job_id)
        has_ended = job is not None and not job.live
        try:
            server.delete(job_id, call.user, server.name, "force" in extend, "deletehist" in extend)
            running = running or any(job_id in server.by_state[state] for state in "RS")
            if has_ended:
                answer.fields += (job_id, str(errors.HISTORY_DELETED))
        except PBSError as problem:
            answer.code = problem.number
            answer.fields += (job_id, str(problem.number))
    if running:
        answer.code = 0
    return answer


def _alterjob(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    job_id, items = call.text(), call.items()
    resources, attributes = alteration(server, items, server.is_manager(call.user))
    server.alter(job_id, call.user, resources, attributes)
    return LibraryAnswer()


def _of_job(request: Callable[[PBSServer, str, str, str], None]) -> Callable[[PBSServer, LibraryCall], LibraryAnswer]:
    """A function of a job's id and one word."""
    def run(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
        request(server, call.text(), call.user, call.text())
        return LibraryAnswer()
    return run


def _hold_types(request: Callable[[PBSServer, str, str, str], None]) -> Callable[[PBSServer, LibraryCall], LibraryAnswer]:
    def checked(server: PBSServer, job_id: str, user: str, kinds: str) -> None:
        check_job_value("Hold_Types", Item("Hold_Types", None, kinds, 0))
        request(server, job_id, user, kinds)
    return _of_job(checked)


# Server, queues, hosts


def _limited(attributes: list[Attribute], names: list[str]) -> list[Attribute]:
    """Those asked for, in the order in which they are; all where none is."""
    return [item for name in names for item in attributes if item[0] == name] if names else attributes


def _statserver(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    _, wanted = call.text(), call.items()
    answer = LibraryAnswer()
    answer.add_object(server.name, _limited(server_attributes(server), canonical("server", wanted)))
    return answer


def _statque(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    name, wanted = call.text(), call.items()
    names = canonical("queue", wanted)
    if name and not name.startswith("@") and name not in server.queues:
        raise error(errors.UNKNOWN_QUEUE)
    answer = LibraryAnswer()
    for queue in server.queues.values():
        if queue.name == name or not name or name.startswith("@"):
            answer.add_object(queue.name, _limited(queue_attributes(server, queue), names))
    return answer


def _statvnode(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    name, wanted = call.text(), call.items()
    names = canonical("vnode", wanted)
    if name and not name.startswith("@") and name not in server.hosts:
        raise error(errors.UNKNOWN_NODE)
    answer = LibraryAnswer()
    for host in server.hosts.values():
        if host.name == name or not name or name.startswith("@"):
            answer.add_object(host.name, _limited(host_attributes(host, server.is_manager(call.user)), names))
    return answer


def _stathost(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    """The library sums up the vnodes itself, of which it knows the host by resources_available only."""
    name, wanted = call.text(), call.items()
    names = canonical("vnode", wanted)
    hosts = hosts_with_vnodes(server) if not names or "resources_available" in names else {}
    if name and name not in hosts:
        raise error(errors.UNKNOWN_NODE)
    answer = LibraryAnswer()
    for host, vnodes in hosts.items():
        if not name or host == name:
            parts = [host_attributes(vnode, server.is_manager(call.user)) for vnode in vnodes]
            answer.add_object(host, _limited(merged(parts), names))
    return answer


# mgr_cmd and mgr_obj of pbs_ifl.h; ADD and REMOVE of batch_op.
_MANAGER_SET, _MANAGER_VNODE, _MANAGER_HOST = 2, 3, 7
_SET, _ADD, _REMOVE = 0, 2, 3


def _manager(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    """req_manager(), as far as it takes hosts out of service and gives them back (marknode() of pbsnodes), and
    sets what a vnode has."""
    command, kind, name, items = int(call.text()), int(call.text()), call.text(), call.items()
    if (command, kind) == (_MANAGER_SET, _MANAGER_VNODE):
        resources: dict[str, str] = {}
        for item, attribute in zip(items, canonical("vnode", items)):
            if attribute != "resources_available" or item.resource is None or item.operator != _SET:
                raise error(errors.BAD_ATTRIBUTE_VALUE)
            resources[item.resource] = item.value
        server.set_vnode(name, call.user, resources)
        return LibraryAnswer()
    if (command, kind) != (_MANAGER_SET, _MANAGER_HOST):
        raise error(errors.INVALID_REQUEST)
    offline, comment = None, None
    for item, attribute in zip(items, canonical("vnode", items)):
        if (attribute, item.value) == ("state", "offline") and item.operator in (_ADD, _REMOVE):
            offline = item.operator == _ADD
        elif attribute == "comment" and item.operator == _SET:
            comment = item.value
        else:
            raise error(errors.BAD_ATTRIBUTE_VALUE)
    server.set_host(name, call.user, offline, comment)
    return LibraryAnswer()


FUNCTIONS: dict[str, Callable[[PBSServer, LibraryCall], LibraryAnswer]] = {
    "pbs_connect": _connect,
    "pbs_submit": _submit,
    "pbs_selectjob": _selectjob,
    "pbs_selstat": _selstat,
    "pbs_statjob": _statjob,
    "pbs_deljoblist": _deljoblist,
    "pbs_alterjob": _alterjob,
    "pbs_movejob": _of_job(PBSServer.move),
    "pbs_holdjob": _hold_types(PBSServer.hold),
    "pbs_rlsjob": _hold_types(PBSServer.release),
    "pbs_sigjob": _of_job(PBSServer.signal),
    "pbs_manager": _manager,
    "pbs_statserver": _statserver,
    "pbs_statque": _statque,
    "pbs_statvnode": _statvnode,
    "pbs_stathost": _stathost,
}


def execute(server: PBSServer, call: LibraryCall) -> LibraryAnswer:
    """Carries out one request."""
    try:
        return FUNCTIONS[call.function](server, call)
    except PBSError as problem:
        return LibraryAnswer(problem.number, problem.text, by_library=isinstance(problem, RefusedByLibrary))
