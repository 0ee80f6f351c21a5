"""qalter: changes attributes of jobs (OpenPBS src/cmds/qalter.c)."""

from __future__ import annotations

import re

from .. import errors
from ..errors import PBSError, error
from ..invocation import Answer, Invocation
from ..options import getopt
from ..selection import check_request, given, split_outside_quotes
from ..server import PBSServer
from .job_requests import for_each_job
from .qselect import parse_date
from .qsub import KEPT_W_ATTRIBUTES, MAXIMUM_NAME

_LETTERS = "a:A:c:e:h:j:k:l:m:M:N:o:p:r:R:S:u:W:P:"
_USAGE = """usage: qalter [-a date_time] [-A account_string] [-c interval] [-e path]
\t[-h hold_list] [-j y|n] [-k keep] [-l resource_list]
\t[-m mail_options] [-M user_list] [-N jobname] [-o path] [-p priority]
\t[-R o|e|oe] [-r y|n] [-S path] [-u user_list] [-W dependency_list]
\t[-P project_name] job_identifier...
       qalter --version"""
_ATTRIBUTES = {"A": "Account_Name", "c": "Checkpoint", "e": "Error_Path", "h": "Hold_Types", "j": "Join_Path",
               "k": "Keep_Files", "m": "Mail_Points", "M": "Mail_Users", "N": "Job_Name", "o": "Output_Path",
               "p": "Priority", "r": "Rerunable", "R": "Remove_Files", "S": "Shell_Path_List", "u": "User_List",
               "P": "project"}


def run(server: PBSServer, call: Invocation) -> Answer:
    """Runs qalter."""
    options, operands, problems, _ = getopt(call.called_as, call.arguments, _LETTERS)
    resources: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for letter, value in options:
        if letter == "l":
            for item in split_outside_quotes(value, ","):
                name, _, text = item.partition("=")
                if not name.strip():
                    problems.append("qalter: illegal -l value")
                resources[name.strip()] = text.strip()
        elif letter == "W":
            name, equals, text = value.strip().partition("=")
            if not equals:
                problems.append("qalter: illegal -W value")
            attributes[name] = text
        elif letter == "a":
            moment = parse_date(value, server.settings.clock())
            if moment is None:
                problems.append("qalter: illegal -a value")
            attributes["Execution_Time"] = str(moment)
        elif letter == "r" and value not in ("y", "n"):
            problems.append("qalter: illegal -r value")
        elif letter in _ATTRIBUTES:
            attributes[_ATTRIBUTES[letter]] = value
    if problems or not operands:
        return Answer(2, err=[f"{line}\n" for line in [*problems, _USAGE]])

    def request(job_id: str) -> None:
        for name in attributes:
            if name not in _ATTRIBUTES.values() and name not in KEPT_W_ATTRIBUTES and name not in ("comment", "Execution_Time"):
                raise error(errors.NO_SUCH_ATTRIBUTE)
        server.alter(job_id, call.user, resources, attributes)

    illegal = _illegal_option(attributes)
    if illegal is not None:
        return Answer(2, err=[f"{illegal}\n"] + ([f"{_USAGE}\n"] if "illegal" in illegal else []))
    try:
        check_request(given(resources), server.resources)
    except PBSError as problem:
        return Answer(problem.exit_status, err=[f"qalter: {problem.text} {server.full_id(operands[0])}\n"])
    return for_each_job(server, "qalter", operands, request)


def _illegal_option(attributes: dict[str, str]) -> str | None:
    """What libpbs refuses before it sends anything."""
    name = attributes.get("Job_Name")
    if name is not None and len(name) > MAXIMUM_NAME:
        return f"qalter: Job {errors.TEXTS[errors.JOB_NAME_TOO_LONG]} "
    if name is not None and not re.fullmatch(r"[A-Za-z0-9+_.-]+", name):
        return "qalter: illegal -N value"
    priority = attributes.get("Priority")
    if priority is not None and not (re.fullmatch(r"\s*[-+]?\d+", priority) and -1024 <= int(priority) <= 1023):
        return "qalter: illegal -p value"
    holds = attributes.get("Hold_Types")
    if holds is not None and not re.fullmatch(r"n+|p+|[uos]+", holds):
        return "qalter: illegal -h value"
    return None
