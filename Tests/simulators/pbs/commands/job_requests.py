"""The commands that ask one thing of each job: qdel, qhold, qrls, qmove, qsig, qrerun, qrun."""

from __future__ import annotations

from collections.abc import Callable

from .. import errors
from ..errors import PBSError
from ..invocation import Answer, Invocation
from ..options import getopt
from ..server import PBSServer
from .job_ids import well_formed

_QDEL_USAGE = "usage:\n\tqdel [-W force|suppress_email=X] [-x] job_identifier...\n\tqdel --version"
_QHOLD_USAGE = "usage: qhold [-h hold_list] job_identifier...\n       qhold --version"
_QRLS_USAGE = "usage: qrls [-h hold_list] job_identifier...\n       qrls --version"
_QMOVE_USAGE = "usage: qmove destination job_identifier...\n       qmove --version"
_QSIG_USAGE = "usage: qsig [-s signal] job_identifier...\n       qsig --version"
_QRERUN_USAGE = "usage: qrerun [-W force] job_identifier...\n       qrerun --version"
_QRUN_USAGE = ("Usage: qrun [-a] [-H vnode_specification ] job_identifier_list\n"
               "       qrun [-a] [-H - ] job_identifier_list\n       qrun --version")


def _usage(problems: list[str], text: str, status: int = 2) -> Answer:
    return Answer(status, err=[f"{line}\n" for line in [*problems, text]], connections=0)


def for_each_job(server: PBSServer, program: str, operands: list[str], request: Callable[[str], None],
                 answer: Answer | None = None, status_on_error: int | None = None) -> Answer:
    """Makes the request for each operand and reports failures as prt_job_err() does.

    The exit status is that of the last failure, unless `status_on_error` is given.
    """
    answer = answer or Answer()
    answer.connections = sum(well_formed(operand, server.name) for operand in operands)
    for operand in operands:
        if not well_formed(operand, server.name):
            answer.fail(f"{program}: illegally formed job identifier: {operand}", 1)
            continue
        job_id = server.full_id(operand)
        try:
            request(job_id)
        except PBSError as problem:
            # prt_job_err() prints the text of a finished job as a format without place for the id.
            text = problem.text if problem.number == errors.JOB_FINISHED else f"{problem.text} {job_id}"
            answer.fail(f"{program}: {text}", problem.exit_status if status_on_error is None else status_on_error)
    return answer


def qdel(server: PBSServer, call: Invocation) -> Answer:
    """qdel [-W force] [-x] job...

    Of ids that are all unknown only the first is reported (seen on 23.06.06).
    Beware of the real thing: pbs_server 23.06.06 crashes when a waiting job
    is followed by two unknown ids in one call (req_deletejob() goes on after
    it has replied); here they are all reported.
    """
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "W:x")
    force = history = False
    for letter, value in options:
        if letter == "x":
            history = True
        elif letter == "W" and value == "force":
            force = True
        elif letter == "W" and not (value.startswith("suppress_email=") or value.isdigit()):
            problems.append("qdel: illegal -W value")
    if problems or not operands:
        return _usage(problems, _QDEL_USAGE)
    answer = Answer()
    for operand in operands:
        if not well_formed(operand, server.name):
            answer.fail(f"qdel: illegally formed job identifier: {operand}", 1)
    # All well-formed ids go to the server in one request.
    job_ids = [server.full_id(operand) for operand in operands if well_formed(operand, server.name)]
    answer.connections = 1 if job_ids else 0
    if not any(job_id in server.jobs for job_id in job_ids):
        # It asks once more, for where the job may be (locate_job()).
        answer.connections *= 2
        del job_ids[1:]
    for job_id in job_ids:
        try:
            server.delete(job_id, call.user, server.name, force, history)
        except PBSError as problem:
            answer.fail(f"qdel: {problem.text} {job_id}", problem.exit_status)
    return answer


def qhold(server: PBSServer, call: Invocation) -> Answer:
    """qhold [-h kinds] job..."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "h:-:")
    kinds = "".join(value.strip() for letter, value in options if letter == "h")
    if problems or not operands:
        return _usage(problems, _QHOLD_USAGE)
    if set(kinds) - set("uosnp"):
        return _usage(["qhold: illegal -h value"], _QHOLD_USAGE)
    return for_each_job(server, "qhold", operands, lambda job_id: server.hold(job_id, call.user, kinds))


def qrls(server: PBSServer, call: Invocation) -> Answer:
    """qrls [-h kinds] job..."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "h:")
    kinds = ""
    for letter, value in options:
        if letter == "h":
            kinds = value.strip()
            if not kinds or set(kinds) - set("uosnp") or ("n" in kinds and set(kinds) != {"n"}):
                problems.append("qrls: illegal -h value")
    if problems or not operands:
        return _usage(problems, _QRLS_USAGE)
    return for_each_job(server, "qrls", operands, lambda job_id: server.release(job_id, call.user, kinds))


def qmove(server: PBSServer, call: Invocation) -> Answer:
    """qmove queue job..."""
    if len(call.arguments) < 2:
        return _usage([], _QMOVE_USAGE)
    destination, *operands = call.arguments
    return for_each_job(server, "qmove", operands, lambda job_id: server.move(job_id, call.user, destination))


def qsig(server: PBSServer, call: Invocation) -> Answer:
    """qsig [-s signal] job..."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "s:")
    name = "SIGTERM"
    for letter, value in options:
        if letter == "s":
            name = value
    if problems or not operands:
        return _usage(problems, _QSIG_USAGE)
    return for_each_job(server, "qsig", operands, lambda job_id: server.signal(job_id, call.user, name))


def qrerun(server: PBSServer, call: Invocation) -> Answer:
    """qrerun [-W force] job..."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "W:")
    force = False
    for letter, value in options:
        if letter == "W":
            force = value == "force"
    if problems or not operands or any(letter == "W" and value != "force" for letter, value in options):
        return _usage(problems, _QRERUN_USAGE)
    return for_each_job(server, "qrerun", operands, lambda job_id: server.rerun_request(job_id, call.user, force))


def qrun(server: PBSServer, call: Invocation) -> Answer:
    """qrun [-a] [-H where] job...; it exits with 2 whatever the error is."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, "H:a")
    where: str | None = None
    for letter, value in options:
        if letter == "H":
            where = value
            if not value:
                problems.append("qrun: illegal -H value")
    if problems or not operands:
        return _usage(problems, _QRUN_USAGE, 1)
    answer = Answer()

    def request(job_id: str) -> None:
        try:
            server.run_request(job_id, call.user, where)
        except PBSError as problem:
            if problem.number != errors.UNKNOWN_NODE:
                raise
            answer.fail(f"qrun: {problem.text} {where}", 2)

    return for_each_job(server, "qrun", operands, request, answer, status_on_error=2)
