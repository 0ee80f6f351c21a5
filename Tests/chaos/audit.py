"""Who asked a real API server to delete a pod, and when, by its audit log (Kubernetes: "Auditing")."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.kubernetes import Entry

# Seconds after which a request whose answer the log does not tell, its server having been killed, has had its effect.
_EFFECT_SECONDS = 60.0


@dataclass(frozen=True)
class Deletion:
    """A request that was answered with success, or never. Times are seconds since the epoch, by the server's clock."""

    user: str
    namespace: str
    name: str
    received: float
    answered: float


def deletions(logs: Iterable[Path]) -> list[Deletion]:
    """The deletions of pods in these logs, in the order in which they were received."""
    found: dict[str, Deletion] = {}
    for event in (event for log in logs for event in _events(log)):
        reference, key = event["objectRef"], event["auditID"]
        if event["stage"] == "RequestReceived":
            found[key] = Deletion(event["user"]["username"], reference["namespace"], reference["name"],
                                  _seconds(event["requestReceivedTimestamp"]), math.inf)
        elif event["stage"] == "ResponseComplete" and event["responseStatus"]["code"] < 300:
            found[key] = replace(found[key], answered=_seconds(event["stageTimestamp"]))
        else:
            found.pop(key, None)
    return sorted(found.values(), key=lambda deletion: deletion.received)


def entries(deletions_found: Iterable[Deletion], record: Iterable[Entry], users: Iterable[str], offset: float) -> list[Entry]:
    """What these users' deletions are in a record, each at the moment when the server received it.

    `record` tells which pod had that name. `offset` is time.time() - time.monotonic().
    """
    lives: dict[str, list[_Life]] = {}
    for entry in record:
        name = f"{entry.namespace}/{entry.name}"
        if entry.kind == "created":
            lives.setdefault(name, []).append(_Life(entry))
        elif entry.kind == "gone":
            lives[name][-1].gone = entry.wall
        elif entry.kind == "bound":
            lives[name][-1].last = entry
    found = []
    for deletion in deletions_found:
        if deletion.user not in users:
            continue
        until = min(deletion.answered, deletion.received + _EFFECT_SECONDS)
        life = next((life for life in lives.get(f"{deletion.namespace}/{deletion.name}", ())
                     if life.created <= until and life.gone >= deletion.received), None)
        if life is not None:
            found.append(replace(life.last, kind="deleting", user=deletion.user, wall=deletion.received,
                                 monotonic=deletion.received - offset, details={"gracePeriodSeconds": math.inf}))
    return found


class _Life:
    """A pod object from its creation until it is gone; `last` is what was recorded of it last, up to its binding."""

    def __init__(self, created: Entry) -> None:
        self.created = created.wall
        self.gone = math.inf
        self.last = created


def _events(log: Path) -> Iterator[dict[str, Any]]:
    lines = log.read_text().splitlines() if log.exists() else []
    for index, line in enumerate(lines):
        try:
            yield json.loads(line)
        except ValueError:
            # The server was killed while it wrote this.
            if index != len(lines) - 1:
                raise


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()
