"""What is due later: a heap of times and functions, run by the server's thread."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Functions to call at a time of time.monotonic(); not thread-safe by itself (the server's lock is)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.on_earlier: Callable[[], None] = lambda: None

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls once, in so many seconds."""
        due = time.monotonic() + seconds
        earlier = not self._heap or due < self._heap[0][0]
        heapq.heappush(self._heap, (due, next(self._order), call))
        if earlier:
            self.on_earlier()

    def seconds_to_next(self) -> float | None:
        """Seconds until something is due (0 when overdue), or None."""
        return max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None

    def run_due(self) -> None:
        """Calls everything that is due now."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()

    def clear(self) -> None:
        """Forgets everything."""
        self._heap.clear()
