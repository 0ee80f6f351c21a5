"""One call of a command: what it was given and what it answers."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar

from .faults import GARBAGE, Fault, FaultKind, Faults


@dataclass
class Invocation:
    """A call of a command as its client process reports it.

    `program` is the name it was called by ("qsub"), `arguments` the words
    after that, `environment_items` NAME=VALUE, `uid` what the kernel says of the caller.
    """

    program: str
    called_as: str
    arguments: list[str]
    directory: str
    environment_items: list[str]
    uid: int
    standard_input: bytes | None = None
    # As long as the command has not been carried out: then its answer knows better.
    connections: ClassVar[int] = 1
    keeps_connection: ClassVar[bool] = False
    ends_connection: ClassVar[bool] = False

    @cached_property
    def environment(self) -> dict[str, str]:
        """The caller's environment."""
        return dict(item.split("=", 1) for item in self.environment_items if "=" in item)

    @property
    def kind(self) -> str:
        """What the call is counted as, and what a fault names it by: the program, or "listing" for qstat -u.

        That is how the connector lists jobs, while its other calls of qstat ask for jobs by their ids.
        """
        return "listing" if self.program == "qstat" and "-u" in self.arguments else self.program

    @property
    def user(self) -> str:
        """The caller's login name."""
        return account(self.uid)[0]

    @property
    def is_listing(self) -> bool:
        """Whether the call lists jobs in general rather than asking for jobs by their ids."""
        if self.program == "qselect":
            return True
        return self.program == "qstat" and not any(
            word[:1].isdigit() or word[:2] in ("-B", "-Q", "-q") for word in self.arguments)

    # Answers, each with whether the connection ends with it

    def defect(self, text: str) -> "Answer":
        """What to say when the simulator itself is at fault."""
        return Answer(70, err=[f"{self.program}: defect of the PBS simulator\n{text}"])

    def failed(self, fault: Fault) -> tuple[bytes, bool]:
        """Where a fault keeps it from being carried out."""
        return Answer(fault.status, err=[f"{fault.text}\n"] if fault.text else []).encoded, True

    def reply(self, answer: "Answer", fault: Fault | None, faults: Faults) -> tuple[bytes, bool]:
        """The answer as a fault leaves it."""
        kind = fault.kind if fault is not None else None
        if kind is FaultKind.LOST:
            return b"kill\n", True
        if fault is not None and kind is FaultKind.CUT:
            answer = Answer(fault.status, out=[answer.stdout[:faults.cut_at(len(answer.stdout))]])
        elif fault is not None and kind is FaultKind.SILENT:
            answer = Answer(fault.status)
        elif kind is FaultKind.GARBAGE:
            answer = Answer(0, out=[GARBAGE])
        return answer.encoded, True


@dataclass
class Answer:
    """What a command prints and exits with."""

    status: int = 0
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    # How often the real command connects to the server for this (strace of OpenPBS 23.06.06).
    connections: int = 1

    def print(self, line: str = "") -> None:
        """A line on standard output."""
        self.out.append(line + "\n")

    def fail(self, line: str, status: int | None = None) -> None:
        """A line on standard error, and the exit status if one is given."""
        self.err.append(line + "\n")
        if status is not None:
            self.status = status

    @property
    def stdout(self) -> str:
        """Everything on standard output."""
        return "".join(self.out)

    @property
    def stderr(self) -> str:
        """Everything on standard error."""
        return "".join(self.err)

    @property
    def encoded(self) -> bytes:
        """As commands.c reads it."""
        out = self.stdout.encode(errors="surrogateescape")
        err = self.stderr.encode(errors="surrogateescape")
        return b"%d %d %d\n" % (self.status, len(out), len(err)) + out + err


def decode(frame: bytes, uid: int) -> Invocation:
    """The call in a frame of commands.c."""
    fields = frame.decode(errors="surrogateescape").split("\0")
    called_as, directory, count = fields[0], fields[1], int(fields[2])
    return Invocation(called_as.rpartition("/")[2], called_as, fields[3:3 + count], directory, fields[3 + count:], uid)


class NeedsStandardInput(Exception):
    """The command reads a script from standard input, which its client has not sent yet."""


@lru_cache(maxsize=1024)
def account(uid: int) -> tuple[str, str, str]:
    """Login name, group and home directory of a user id."""
    try:
        entry = pwd.getpwuid(uid)
        return entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name, entry.pw_dir
    except KeyError:
        return str(uid), str(uid), "/"


def same_directory(path: str, other: str) -> bool:
    """Whether two paths lead to one directory (qsub trusts $PWD only then)."""
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
