"""The calls of commands that have reached the simulator, and what each costs a real PBS."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Calls that are kept.
LOG_SIZE = 100_000
# Whole ids, which is how the connector gives them.
_JOB_ID = re.compile(r"[0-9]+\.[\w.-]+")


@dataclass(slots=True)
class Call:
    """One call of a command; `monotonic` is time.monotonic().

    `connections`: to the server, as the real command makes them; each takes a reserved port for a
    minute where PBS authenticates by them. 1 until the command has been carried out.
    """

    monotonic: float
    program: str
    arguments: tuple[str, ...]
    user: str
    connections: int = 1

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs that it names by whole ids, such as "5.pbsserver"."""
        return tuple(word for word in self.arguments if _JOB_ID.fullmatch(word))
