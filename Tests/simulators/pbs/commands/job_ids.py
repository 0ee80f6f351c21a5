"""Reading job identifiers on a command line (OpenPBS src/lib/Libcmds/parse_jobid.c)."""

from __future__ import annotations

import re

_JOB_ID = re.compile(r"[0-9]{1,12}(\[[-0-9:]*\])?(\.[!-\"$-?A-~]+)?(@[!-\"$-?A-~]+)?")
_LOOKS_LIKE_ONE = re.compile(r"[0-9]")


def well_formed(text: str) -> bool:
    """Whether the text is "sequence", "sequence.server" or "sequence.server@server"."""
    return _JOB_ID.fullmatch(text) is not None


def looks_like_job(text: str) -> bool:
    """Whether qstat takes an operand for a job rather than a queue (pbs_isjobid())."""
    return _LOOKS_LIKE_ONE.match(text) is not None
