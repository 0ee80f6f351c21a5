"""Faults on request: what a test tells the API server to do wrong.

    simulator.faults.add(Fault(r"POST .*/binding", Status(500), count=2))
    simulator.faults.add(Fault(r"GET /api/v1/pods\\?.*watch=", CloseWatch(after=0.5), probability=0.1))
"""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Status:
    """Answers with this status (500, 503; 422 as an admission policy does) and changes nothing."""

    code: int


@dataclass(frozen=True)
class Proxy:
    """Answers as something before the server does, and changes nothing: a page that is none of Kubernetes'."""

    code: int
    body: bytes = b"<html><head><title>Sign in</title></head>\n<body>Sign in</body></html>\n"
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TooManyRequests:
    """Answers 429 with Retry-After in seconds, as priority and fairness does."""

    retry_after: int = 1


@dataclass(frozen=True)
class Reset:
    """Resets the connection before the request is processed."""


@dataclass(frozen=True)
class LoseAnswer:
    """Processes the request, then resets the connection in place of the answer."""


@dataclass(frozen=True)
class Cut:
    """Processes the request and sends half of the answer (of a watch: half of the next event), then resets."""


@dataclass(frozen=True)
class Delay:
    """Processes the request that many seconds later."""

    seconds: float


@dataclass(frozen=True)
class Gone:
    """410: as a Status for a list (also of a next page), as an ERROR event that ends a watch, `after` seconds."""

    after: float = 0.0


@dataclass(frozen=True)
class CloseWatch:
    """Ends a watch in good order that many seconds after it began."""

    after: float = 0.0


@dataclass(frozen=True)
class SilenceWatch:
    """A watch that sends nothing more, and stays open, from that many seconds after it began."""

    after: float = 0.0


Action = Status | Proxy | TooManyRequests | Reset | LoseAnswer | Cut | Delay | Gone | CloseWatch | SilenceWatch
WATCH_ACTIONS = (Gone, CloseWatch, SilenceWatch)


@dataclass(eq=False)
class Fault:
    """An action for requests whose "METHOD /path?query" the regular expression `match` finds.

    `count` is how often it strikes, None for ever. `probability` is the chance
    for each matching request, None for certain. `hits` counts the strikes. Two
    faults of equal values are two faults.
    """

    match: str
    action: Action
    count: int | None = None
    probability: float | None = None
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._pattern = re.compile(self.match)

    def matches(self, line: str) -> bool:
        return (self.count is None or self.hits < self.count) and self._pattern.search(line) is not None


class Faults:
    """The faults in force; the first one that matches a request strikes. Safe to use from any thread."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._faults.remove(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, method: str, target: str) -> Action | None:
        """The action for this request, if a fault hits it."""
        with self._lock:
            if not self._faults:
                return None
            line = f"{method} {target}"
            for fault in self._faults:
                if fault.matches(line) and \
                        (fault.probability is None or self.random.random() < fault.probability):
                    fault.hits += 1
                    return fault.action
        return None
