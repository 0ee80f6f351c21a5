"""Who was away, and when: known to the run, since it is the run that stops and starts everything."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .lasting import Lasting


class Downtime:
    """Intervals of time.monotonic() in which something could not work, by its name."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._intervals: list[tuple[str, float, float]] = []

    def begins(self, name: str) -> None:
        self._since.setdefault(name, time.monotonic())

    def ends(self, name: str) -> None:
        since = self._since.pop(name, None)
        if since is not None:
            self._intervals.append((name, since, time.monotonic()))

    def lasts(self, name: str, seconds: float, lasting: Lasting, begin: Callable[[], None], end: Callable[[], None]) -> bool:
        """Takes it down for so many seconds, from `begin` to `end`; False where it is down already."""
        if self.is_down(name):
            return False

        def returns() -> None:
            end()
            self.ends(name)

        self.begins(name)
        begin()
        lasting.lasts(seconds, returns)
        return True

    def is_down(self, name: str) -> bool:
        return name in self._since

    def of(self, *names: str) -> list[tuple[float, float]]:
        """The intervals of these names; those that last are open at their end."""
        open_ones = [(since, math.inf) for name, since in self._since.items() if name in names]
        return [(since, until) for name, since, until in self._intervals if name in names] + open_ones
