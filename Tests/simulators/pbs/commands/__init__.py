"""The PBS commands, by name: each takes the server and a call and gives an answer."""

from __future__ import annotations

from collections.abc import Callable

from ..invocation import Answer, Invocation
from ..server import PBS_VERSION, PBSServer
from . import job_requests, pbsnodes, qalter, qmgr, qselect, qstat, qsub

Command = Callable[[PBSServer, Invocation], Answer]

COMMANDS: dict[str, Command] = {
    "qsub": qsub.run,
    "qstat": qstat.run,
    "qselect": qselect.run,
    "qalter": qalter.run,
    "qdel": job_requests.qdel,
    "qhold": job_requests.qhold,
    "qrls": job_requests.qrls,
    "qmove": job_requests.qmove,
    "qsig": job_requests.qsig,
    "qrerun": job_requests.qrerun,
    "qrun": job_requests.qrun,
    "pbsnodes": pbsnodes.run,
    "qmgr": qmgr.run,
}


def execute(server: PBSServer, call: Invocation) -> Answer:
    """Runs one call."""
    if call.arguments == ["--version"]:
        return Answer(out=[f"pbs_version = {PBS_VERSION}\n"], connections=0)
    return COMMANDS[call.program](server, call)
