"""What lasts for a while, and can be ended before its time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from simulators.pbs.timers import Timers


class Lasting:
    """Calls `end` of each once: when its time has come, or at `end_all`."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._numbers = itertools.count()
        self._ends: dict[int, Callable[[], None]] = {}

    def lasts(self, seconds: float, end: Callable[[], None]) -> None:
        number = next(self._numbers)
        self._ends[number] = end
        self._timers.after(seconds, lambda: self._end(number))

    def end_all(self) -> None:
        for number in list(self._ends):
            self._end(number)

    def _end(self, number: int) -> None:
        end = self._ends.pop(number, None)
        if end is not None:
            end()
