"""Reading job identifiers on a command line (OpenPBS src/lib/Libcmds/parse_jobid.c)."""

from __future__ import annotations

import re

_JOB_ID = re.compile(r"[0-9]{1,12}(\[[-0-9:]*\])?(\.(?P<server>[!-\"$-?A-~]+))?(@[!-\"$-?A-~]+)?")
_LOOKS_LIKE_ONE = re.compile(r"[0-9]")


def well_formed(text: str, server: str) -> bool:
    """Whether the text is "sequence", "sequence.server" or "sequence.server@server".

    The commands look the server's name up (get_server()), and a name that leads nowhere makes
    the id an illegally formed one. Here every name but that of the server itself leads nowhere.
    """
    found = _JOB_ID.fullmatch(text)
    return found is not None and found["server"] in (None, server)


def looks_like_job(text: str) -> bool:
    """Whether qstat takes an operand for a job rather than a queue (pbs_isjobid())."""
    return _LOOKS_LIKE_ONE.match(text) is not None
