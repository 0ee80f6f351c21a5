"""PBS's own quantities: sizes ("640mb", "655360kb") and durations ("01:00:00").

Source: OpenPBS src/lib/Libattr/attr_fn_size.c and attr_fn_time.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZE = re.compile(r"(\d+)([kmgtp]?)([bw]?)", re.IGNORECASE)
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_LETTERS = {shift: letter for letter, shift in _SHIFTS.items()}
_BYTES_IN_A_WORD = 8


@dataclass(frozen=True)
class Size:
    """A size as PBS keeps it: a number and the unit it was given in (bytes << shift)."""

    number: int
    shift: int

    @staticmethod
    def parse(text: str) -> "Size":
        """Reads "12", "12kb", "12mb" ...; raises ValueError for anything else."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a size: {text!r}")
        number = int(match[1])
        if match[3].lower() == "w":
            number *= _BYTES_IN_A_WORD
        return Size(number, _SHIFTS[match[2].lower()])

    def __str__(self) -> str:
        return f"{self.number}{_LETTERS[self.shift]}b"

    def __mul__(self, factor: int) -> "Size":
        return Size(self.number * factor, self.shift)

    def __add__(self, other: "Size") -> "Size":
        """The sum in the smaller of the two units; bytes are rounded up to kilobytes, as PBS does."""
        if self.number == 0:
            return other
        first, second = self._at_least_kilo(), other._at_least_kilo()
        shift = min(first.shift, second.shift)
        return Size((first.number << (first.shift - shift)) + (second.number << (second.shift - shift)), shift)

    def _at_least_kilo(self) -> "Size":
        return self if self.shift else Size((self.number + 1023) >> 10, 10)

    @property
    def kilobytes(self) -> int:
        """The size in KiB, rounded up: the unit that exec_vnode is written in."""
        return (self.number + 1023) >> 10 if self.shift == 0 else self.number << (self.shift - 10)


def parse_duration(text: str) -> int:
    """Seconds of "[[hours:]minutes:]seconds[.fraction]"; raises ValueError for anything else."""
    whole = text.split(".", 1)[0]
    fields = whole.split(":")
    if len(fields) > 3 or not all(field.isascii() and field.isdigit() for field in fields):
        raise ValueError(f"not a duration: {text!r}")
    seconds = 0
    for field in fields:
        seconds = seconds * 60 + int(field)
    return seconds


def format_duration(seconds: int) -> str:
    """Seconds as PBS prints them, "hh:mm:ss" with hours that may pass 99."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
