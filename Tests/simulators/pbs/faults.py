"""Faults on request: commands that are slow, fail, hang, or answer rubbish."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from typing import Sequence


class FaultKind(Enum):
    """What goes wrong with a call."""

    SLOW = "slow"  # carried out, and answered, only after `seconds`
    FAIL = "fail"  # not carried out; `status` and `text` on standard error
    HANG = "hang"  # not carried out and never answered
    CUT = "cut"  # carried out; the answer stops in the middle, with `status`
    LOST = "lost"  # carried out; the client is killed before it prints anything
    SILENT = "silent"  # carried out; the client prints nothing and exits with `status`
    GARBAGE = "garbage"  # carried out; standard output is not what it should be


@dataclass(eq=False)
class Fault:
    """A fault of one command ("*" for all, "listing" for qstat -u), with a probability, for `count` calls or until removed.

    Two faults of equal values are two faults.
    """

    command: str
    kind: FaultKind
    probability: float = 1.0
    count: int | None = None
    seconds: float = 0.0
    status: int = 0
    text: str = ""
    # Strikes only calls one argument of which is this; None for all.
    argument: str | None = None


GARBAGE = '{\n\t"timestamp":\t17954,,\n\x00\x01 Segmentation fault'


class Faults:
    """The faults in force; the dice are seeded, so that a run can be repeated. The server's lock guards it."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault] = []
        # (command, kind) of each fault that struck, in order.
        self.struck: list[tuple[str, FaultKind]] = []

    def seed(self, seed: int) -> None:
        """Starts the dice anew."""
        self._random.seed(seed)

    def add(self, fault: Fault) -> Fault:
        """Puts a fault in force; the first one that strikes a call wins."""
        self._faults.append(fault)
        return fault

    def slow(self, command: str, seconds: float, probability: float = 1.0, count: int | None = None) -> Fault:
        """Carried out and answered only after so many seconds."""
        return self.add(Fault(command, FaultKind.SLOW, probability, count, seconds=seconds))

    def fail(self, command: str, status: int, text: str, probability: float = 1.0, count: int | None = None,
             argument: str | None = None) -> Fault:
        """Not carried out; exits with the status, text on standard error."""
        return self.add(Fault(command, FaultKind.FAIL, probability, count, status=status, text=text, argument=argument))

    def hang(self, command: str, probability: float = 1.0, count: int | None = None) -> Fault:
        """Not carried out, never answered."""
        return self.add(Fault(command, FaultKind.HANG, probability, count))

    def cut(self, command: str, status: int = 0, probability: float = 1.0, count: int | None = None) -> Fault:
        """Carried out; standard output stops in the middle."""
        return self.add(Fault(command, FaultKind.CUT, probability, count, status=status))

    def lose_answer(self, command: str, probability: float = 1.0, count: int | None = None) -> Fault:
        """Carried out; the client dies by SIGKILL with nothing printed (a job of qsub exists)."""
        return self.add(Fault(command, FaultKind.LOST, probability, count))

    def silent(self, command: str, status: int = 0, probability: float = 1.0, count: int | None = None) -> Fault:
        """Carried out; nothing printed, and this exit status."""
        return self.add(Fault(command, FaultKind.SILENT, probability, count, status=status))

    def garbage(self, command: str, probability: float = 1.0, count: int | None = None) -> Fault:
        """Carried out; standard output is no JSON and no job id."""
        return self.add(Fault(command, FaultKind.GARBAGE, probability, count))

    def remove(self, fault: Fault) -> None:
        """Takes one fault out of force."""
        self._faults.remove(fault)

    def clear(self) -> None:
        """Takes all faults out of force."""
        self._faults.clear()

    def strike(self, command: str, arguments: Sequence[str] = ()) -> Fault | None:
        """The fault of this call, if one strikes."""
        for fault in self._faults:
            if fault.command not in (command, "*") or fault.count == 0:
                continue
            if fault.argument is not None and fault.argument not in arguments:
                continue
            if fault.probability < 1.0 and self._random.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
            self.struck.append((command, fault.kind))
            return fault
        return None

    def cut_at(self, length: int) -> int:
        """Where an answer of this length is cut."""
        return self._random.randrange(length) if length > 1 else 0
