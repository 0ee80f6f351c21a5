"""One request of the library: its fields, what it is counted as, and its answer on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..faults import GARBAGE, Fault, FaultKind, Faults
from ..invocation import account

_MAGIC = b"libpbs\0"
# The command that does the same, by which faults name it and it is counted.
_KINDS = {
    "pbs_submit": "qsub", "pbs_statjob": "qstat", "pbs_selstat": "listing", "pbs_selectjob": "qselect",
    "pbs_deljoblist": "qdel", "pbs_alterjob": "qalter", "pbs_movejob": "qmove",
    "pbs_holdjob": "qhold", "pbs_rlsjob": "qrls", "pbs_sigjob": "qsig", "pbs_statvnode": "pbsnodes", "pbs_manager": "pbsnodes",
    "pbs_stathost": "pbsnodes", "pbs_statserver": "qstat", "pbs_statque": "qstat"}
_OF_JOBS = frozenset({"pbs_statjob", "pbs_alterjob", "pbs_movejob", "pbs_holdjob", "pbs_rlsjob", "pbs_sigjob"})
# What a failing command says where there is no server for it: on a connection that is kept, its end.
_NO_SERVER = "cannot connect to server"


@dataclass(frozen=True)
class Item:
    """One item of a list of attributes; `operator` is a number of pbs_ifl.h."""

    name: str
    resource: str | None
    value: str
    operator: int


@dataclass
class LibraryAnswer:
    """An error code with its text, or what was asked for as fields."""

    code: int = 0
    text: str = ""
    fields: list[str] = field(default_factory=list)
    # The real library refuses it, before anything is sent.
    by_library: bool = False

    @property
    def encoded(self) -> bytes:
        """As libpbs/wire.c reads it."""
        text = self.text.encode(errors="surrogateescape")
        body = "\0".join([*self.fields, ""]).encode(errors="surrogateescape") if self.fields else b""
        return b"%d %d %d %d\n" % (self.code, self.by_library, len(text), len(body)) + text + body

    def add_object(self, name: str, attributes: list[tuple[str, str | None, str]]) -> None:
        """One batch_status."""
        self.fields += (name, str(len(attributes)))
        for attribute, resource, value in attributes:
            self.fields += (attribute, resource or "", value)


@dataclass
class LibraryCall:
    """A request of a program that has opened a connection by pbs_connect()."""

    function: str
    fields: list[str]
    uid: int
    standard_input: bytes | None = None
    keeps_connection: ClassVar[bool] = True
    _next: int = 0

    @property
    def kind(self) -> str:
        """What the call is counted as, and what a fault names it by: the command that does the same."""
        return "listing" if self.is_listing else _KINDS.get(self.function, self.function)

    @property
    def program(self) -> str:
        """The command in whose place it is."""
        return "qstat" if self.kind == "listing" else self.kind

    @property
    def arguments(self) -> list[str]:
        """For the log of calls: the jobs that it names."""
        if self.function in _OF_JOBS:
            return self.fields[0].split(",") if self.fields[0] else []
        return self.fields[1:-1] if self.function == "pbs_deljoblist" else []

    @property
    def user(self) -> str:
        """The caller's login name."""
        return account(self.uid)[0]

    @property
    def connections(self) -> int:
        """How often it connects to the server: only opening the connection does."""
        return 1 if self.function == "pbs_connect" else 0

    @property
    def is_listing(self) -> bool:
        """Whether it lists jobs in general rather than asking for jobs by their ids."""
        return self.function == "pbs_selstat" or (self.function == "pbs_statjob" and not self.fields[0][:1].isdigit())

    @property
    def ends_connection(self) -> bool:
        """Whether the library waits for the end of the connection, and for no answer."""
        return self.function == "pbs_disconnect"

    # The arguments, one after the other

    def text(self) -> str:
        """The next one, a string."""
        self._next += 1
        return self.fields[self._next - 1]

    def strings(self) -> list[str]:
        """The next one, a list of strings."""
        return [self.text() for _ in range(int(self.text()))]

    def items(self) -> list[Item]:
        """The next one, a list of attributes."""
        return [Item(self.text(), self.text() or None, self.text(), int(self.text())) for _ in range(int(self.text()))]

    # Answers

    def defect(self, text: str) -> LibraryAnswer:
        """What to say when the simulator itself is at fault: PBSE_INTERNAL."""
        return LibraryAnswer(15011, f"defect of the PBS simulator: {text}")

    def failed(self, fault: Fault) -> tuple[bytes, bool]:
        """The answer where a fault keeps it from being carried out, and whether the connection ends with it."""
        if _NO_SERVER in fault.text:
            return b"", True
        # Without the name of the command, which a text for one begins with.
        name, _, words = fault.text.partition(": ")
        return LibraryAnswer(_code(fault.status), (words if words and " " not in name else fault.text).rstrip("\n")).encoded, False

    def reply(self, answer: LibraryAnswer, fault: Fault | None, faults: Faults) -> tuple[bytes, bool]:
        """The answer as a fault leaves it, and whether the connection ends with it."""
        data = answer.encoded
        kind = fault.kind if fault is not None else None
        if kind is FaultKind.LOST:
            return b"", True
        if kind is FaultKind.CUT:
            return data[:faults.cut_at(len(data))], True
        if kind is FaultKind.GARBAGE:
            return GARBAGE.encode(), True
        if fault is not None and kind is FaultKind.SILENT:
            return LibraryAnswer(_code(fault.status) if fault.status else 0).encoded, False
        return data, self.function == "pbs_connect" and answer.code != 0


def _code(status: int) -> int:
    """The error of which a command's exit status is what a shell sees."""
    return 15000 + (status - 15000) % 256


def is_library_frame(frame: bytes) -> bool:
    """Whether a frame is a request of the library and not a command's."""
    return frame.startswith(_MAGIC)


def decode(frame: bytes, uid: int) -> LibraryCall:
    """The request in a frame."""
    _, function, *fields = frame.decode(errors="surrogateescape").split("\0")
    return LibraryCall(function, fields[:-1], uid)
