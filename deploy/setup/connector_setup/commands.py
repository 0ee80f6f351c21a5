"""Commands of others, run for what they say or for what they do, and what is told of it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Optional, Sequence


# Exit statuses as a shell has them.
NO_PROGRAM = 127
NOT_TO_BE_RUN = 126


class Failed(Exception):
    """A step cannot be done; the message says why, in one line."""


@dataclass
class Answer:
    """How a command ended. `words` is the last line of what it said of an error."""

    status: int
    output: str
    error: str

    @property
    def words(self) -> str:
        lines = (self.error.strip() or self.output.strip()).splitlines()
        return lines[-1] if lines else "status %d and no words" % self.status


@dataclass
class Site:
    """One run: whether things are changed or only shown, and what was told."""

    dry_run: bool = False
    failures: int = 0
    step: str = ""
    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """A line about the present step."""
        self.told.append(text)
        print("%s: %s" % (self.step, text), flush=True)

    def fail(self, text: str) -> None:
        """A line about what is wrong; other steps go on."""
        self.failures += 1
        print("%s: failed: %s" % (self.step, text), file=sys.stderr, flush=True)

    def look(self, command: Sequence[str], given: Optional[str] = None, seconds: float = 60) -> Answer:
        """Run a command that changes nothing."""
        return _run(command, given, seconds)

    def do(self, command: Sequence[str], given: Optional[str] = None, seconds: float = 120) -> Optional[str]:
        """Run a command that changes something; its output, or None where it is only shown. Failed if it fails."""
        if self.dry_run:
            self.tell("would run: %s" % shlex.join(command))
            return None
        answer = _run(command, given, seconds)
        if answer.status != 0:
            raise Failed("%s: %s" % (shlex.join(command), answer.words))
        return answer.output


def _run(command: Sequence[str], given: Optional[str], seconds: float) -> Answer:
    try:
        done = subprocess.run(list(command), input=given or "", capture_output=True, text=True, timeout=seconds)
    except FileNotFoundError:
        return Answer(NO_PROGRAM, "", "there is no program %s" % command[0])
    except PermissionError:
        return Answer(NOT_TO_BE_RUN, "", "%s cannot be run" % command[0])
    except subprocess.TimeoutExpired:
        return Answer(124, "", "no answer within %g s" % seconds)
    return Answer(done.returncode, done.stdout, done.stderr)
