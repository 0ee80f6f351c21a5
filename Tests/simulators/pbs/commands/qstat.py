"""qstat: jobs, queues and the server, in its full, short and alternative forms.

Source: OpenPBS src/cmds/qstat.c; function names in the comments are its.
"""

from __future__ import annotations

import re

from .. import errors
from ..attributes import Attribute, job_attributes, queue_attributes, server_attributes
from ..errors import PBSError, error
from ..invocation import Answer, Invocation
from ..job import Job, split_variables
from ..options import getopt
from ..output import JSONObject, Text, attribute_lines, delimited, parsed, print_json, string
from ..server import PBS_VERSION, PBSServer
from . import qstat_tables as tables
from .job_ids import looks_like_job, well_formed

_LETTERS = "ainpqrstwxu:fGHJMQEBW:T1F:D:"
_USAGE = """usage: 
qstat [-f] [-J] [-p] [-t] [-x] [-E] [-F format | -w] [-D delim] [ job_identifier... | destination... ]
qstat [-a|-i|-r|-H|-T] [-J] [-t] [-u user] [-n] [-s] [-G|-M] [-1] [-w]
\t[ job_identifier... | destination... ]
qstat -Q [-f] [-F format] [-D delim] [ destination... ]
qstat -q [-G|-M] [ destination... ]
qstat -B [-f] [-F format] [-D delim] [ server_name... ]
qstat --version"""
_CONFLICT = "qstat: conflicting options."

# Values that are strings even where they read as JSON (batch_item_json_type_triage()).
_ALWAYS_STRINGS = frozenset({"Job_Name", "project", "Account_Name"})


class Options:
    """The options of one call, as far as they decide anything."""

    def __init__(self, call: Invocation) -> None:
        found, self.operands, self.problems, _ = getopt(call.called_as, call.arguments, _LETTERS)
        self.letters = {letter for letter, _ in found}
        self.format = "default"
        self.delimiter = "|"
        self.user: str | None = None
        self.for_manager = True
        self.wrong = "?" in self.letters
        for letter, value in found:
            if letter == "F":
                self.format = value.lower()
                self.wrong = self.wrong or self.format not in ("default", "dsv", "json")
            elif letter == "D":
                self.delimiter = value
                self.wrong = self.wrong or self.format != "dsv"
            elif letter == "u":
                self.user = value
        # -n and -s set the full form back (main()).
        self.full = False
        for letter, _ in found:
            self.full = letter == "f" or (self.full and letter not in "ns")
        self.wide = "w" in self.letters
        self.alternative = bool(self.letters & set("aTirHunsqGM1"))
        self._check()

    def _check(self) -> None:
        exclusive = self.letters & set("airqH")
        if (self.letters & {"B", "Q"} and self.alternative) or {"B", "Q"} <= self.letters:
            self._conflict()
        if len(exclusive) > 1:
            self._conflict()
        if {"G", "M"} <= self.letters:
            self._conflict()
        if self.format != "default" and (not self.full or self.alternative or self.wide):
            self._conflict()
        if "q" in self.letters and self.full:
            self._conflict()
        if "1" in self.letters and not self.letters & {"n", "s"}:
            self._conflict()
        if self.wide and self.format != "default":
            self.problems.append("qstat: option w cannot be used with -F")
            self.wrong = True

    def _conflict(self) -> None:
        self.problems.append(_CONFLICT)
        self.wrong = True

    @property
    def history(self) -> bool:
        """Whether finished jobs are asked for as well."""
        return bool(self.letters & {"x", "H"})

    @property
    def states(self) -> str | None:
        """The states that -i, -r or -H select, or None for all."""
        for letter, states in (("i", "HQTW"), ("r", "RS"), ("H", "MF")):
            if letter in self.letters:
                return states
        return None


class _JSONListing:
    """The JSON document that grows operand by operand and is printed once at the end."""

    def __init__(self, server: PBSServer) -> None:
        self.root: JSONObject = [("timestamp", Text(server.now())), ("pbs_version", string(PBS_VERSION)),
                                 ("pbs_server", string(server.name))]
        self._objects: JSONObject | None = None

    def add(self, kind: str, name: str, attributes: list[Attribute]) -> None:
        """One job, queue or server under "Jobs", "Queue" or "Server"."""
        if self._objects is None:
            self._objects = []
            self.root.append((kind, self._objects))
        self._objects.append((name, as_json(attributes)))


def as_json(attributes: list[Attribute]) -> JSONObject:
    """Attributes as prt_attr() nests them: resources grouped, Variable_List as an object."""
    result: JSONObject = []
    group_name: str | None = None
    group: JSONObject = []
    for name, resource, value in attributes:
        if resource is not None:
            if name != group_name:
                group_name, group = name, []
                result.append((name, group))
            group.append((resource, parsed(value)))
            continue
        group_name = None
        if name == "Variable_List":
            variables: JSONObject = []
            for item in split_variables(value):
                key, _, text = item.partition("=")
                variables.append((key, parsed(text)))
            result.append((name, variables))
        else:
            result.append((name, string(value) if name in _ALWAYS_STRINGS else parsed(value)))
    return result


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qstat."""
    options = Options(call)
    options.for_manager = server.is_manager(call.user)
    if options.wrong:
        return Answer(2, err=[f"{line}\n" for line in [*options.problems, _USAGE]], connections=0)
    answer = Answer()
    listing = _JSONListing(server) if options.format == "json" else None
    if "B" in options.letters:
        _show_server(server, options, listing, answer)
    elif options.letters & {"Q", "q"}:
        _show_queues(server, options, listing, answer)
    elif "E" in options.letters and options.operands:
        _show_jobs_at_once(server, options, listing, answer)
    else:
        _show_jobs(server, options, listing, answer)
    if listing is not None:
        answer.print(print_json(listing.root))
    return answer


def _show_full(kind: str, name: str, attributes: list[Attribute], options: Options, listing: _JSONListing | None,
               answer: Answer) -> None:
    """One object in the full form; `kind` is "Job Id", "Queue" or "Server"."""
    if listing is not None:
        listing.add("Jobs" if kind == "Job Id" else kind, name, attributes)
    elif options.format == "dsv":
        items = [f"{kind}: {name}"]
        for attribute, resource, value in attributes:
            label = f"{attribute}.{resource}" if resource else attribute
            items.append(f"{label}={delimited(value, options.delimiter)}")
        answer.print(options.delimiter.join(items))
    else:
        answer.print(f"{kind}: {name}")
        for attribute, resource, value in attributes:
            answer.print(attribute_lines(attribute, resource, value, options.wide))
        answer.print()


def _show_server(server: PBSServer, options: Options, listing: _JSONListing | None, answer: Answer) -> None:
    if options.full:
        _show_full("Server", server.name, server_attributes(server), options, listing, answer)
    else:
        answer.out.append(tables.servers(server))


def _show_queues(server: PBSServer, options: Options, listing: _JSONListing | None, answer: Answer) -> None:
    queues = []
    answer.connections = max(1, len(options.operands))
    for operand in options.operands or [""]:
        name = operand.split("@", 1)[0]
        if name and name not in server.queues:
            answer.fail(f"qstat: Unknown queue {operand}", error(errors.UNKNOWN_QUEUE).exit_status)
        else:
            queues += [server.queues[name]] if name else list(server.queues.values())
    if "q" in options.letters:
        answer.out.append(tables.queue_limits(server, queues))
    elif options.full:
        for queue in queues:
            _show_full("Queue", queue.name, queue_attributes(server, queue), options, listing, answer)
    elif queues:
        answer.out.append(tables.queues(server, queues))


def _show_jobs(server: PBSServer, options: Options, listing: _JSONListing | None, answer: Answer) -> None:
    """Operand by operand, as main() does: what is known is printed, what is not is reported."""
    answer.connections = 0
    if options.history and not server.settings.history:
        # Reported for each operand, and the one failure that exits with 0 (main()).
        for operand in options.operands or [""]:
            answer.connections += 1
            answer.fail(f"qstat: {errors.TEXTS[errors.HISTORY_NOT_ENABLED]} {operand}")
        return
    header = True
    for operand in options.operands or [""]:
        answer.connections += _connections(server, operand)
        try:
            jobs = _jobs_of(server, options, operand)
        except PBSError as problem:
            answer.fail(f"qstat: {problem.text}", problem.exit_status)
            continue
        if jobs:
            _show(server, jobs, header, options, listing, answer)
            header = False


def _connections(server: PBSServer, operand: str) -> int:
    """One for each operand, and one more to ask where an unknown job may be (locate_job())."""
    if not looks_like_job(operand):
        return 1
    if not well_formed(operand, server.name):
        return 0
    return 1 if server.full_id(operand) in server.jobs else 2


def _show(server: PBSServer, jobs: list[Job], header: bool, options: Options, listing: _JSONListing | None,
          answer: Answer) -> None:
    # -f wins over -u and its like, but only with -w (main()).
    if options.full and (not options.alternative or options.wide):
        for job in jobs:
            _show_full("Job Id", job.id, job_attributes(server, job, options.for_manager), options, listing, answer)
    elif options.alternative:
        answer.out.append(tables.alternative(server, jobs, header, options.letters, options.wide))
    else:
        answer.out.append(tables.jobs(server, jobs, header, options.wide, "p" in options.letters))


def _show_jobs_at_once(server: PBSServer, options: Options, listing: _JSONListing | None, answer: Answer) -> None:
    """-E: one request for all ids, of which the server tells those that it knows (req_stat_job()).

    It refuses the request only when it knows none of them; qstat then names the last one.
    """
    answer.connections = 0
    # By server, then by number (cmp_jobs()).
    operands = sorted(options.operands, key=lambda operand: (operand.partition(".")[2] or server.name, _number(operand)))
    ids: list[str] = []
    for operand in operands:
        if not looks_like_job(operand):
            answer.fail("qstat: Express option can only be used with job ids", 1)
            return
        if well_formed(operand, server.name):
            ids.append(server.full_id(operand))
        else:
            answer.fail(f"qstat: illegally formed job identifier: {operand}", 1)
    if not ids or not well_formed(operands[-1], server.name):
        # The request is made when the last operand has been read, and not if that is none.
        return
    answer.connections = 1
    if options.history and not server.settings.history:
        answer.fail(f"qstat: {errors.TEXTS[errors.HISTORY_NOT_ENABLED]} {ids[-1]}")
        return
    jobs = [server.jobs[job_id] for job_id in ids
            if job_id in server.jobs and (options.history or server.jobs[job_id].live)]
    if jobs:
        _show(server, jobs, True, options, listing, answer)
    elif ids[-1] in server.jobs:
        answer.fail(f"qstat: {_finished(ids[-1])}", errors.JOB_FINISHED & 0xFF)
    else:
        answer.connections += 1
        problem = error(errors.UNKNOWN_JOB_ID, f" {ids[-1]}")
        answer.fail(f"qstat: {problem.text}", problem.exit_status)


def _number(operand: str) -> int:
    digits = re.match(r"[0-9]*", operand)
    return int(digits[0] or 0) if digits else 0


def _finished(job_id: str) -> str:
    return f"{job_id} {errors.TEXTS[errors.JOB_FINISHED]}, use -x or -H to obtain historical job information"


def _jobs_of(server: PBSServer, options: Options, operand: str) -> list[Job]:
    """The jobs of one operand: a job id, a queue, or nothing for all."""
    if looks_like_job(operand):
        if not well_formed(operand, server.name):
            raise PBSError(1, f"illegally formed job identifier: {operand}")
        job_id = server.full_id(operand)
        job = server.jobs.get(job_id)
        if job is None:
            raise error(errors.UNKNOWN_JOB_ID, f" {job_id}")
        if not job.live and not options.history:
            raise PBSError(errors.JOB_FINISHED, _finished(job_id))
        return [job]
    queue = operand.split("@", 1)[0]
    if queue and queue not in server.queues:
        raise PBSError(errors.UNKNOWN_QUEUE, f"Unknown queue destination {operand}")
    states = options.states or "QRHWEST" + ("FM" if options.history else "")
    if not options.history:
        states = states.replace("F", "").replace("M", "")
    jobs = server.in_states(states)
    if queue:
        jobs = [job for job in jobs if job.queue == queue]
    if options.user is not None:
        users = {user.split("@", 1)[0] for user in options.user.split(",")}
        jobs = [job for job in jobs if job.owner in users]
    return jobs
