"""The simulator's own record of what happened: what the tests judge the connector by."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = frozenset({
    "queued", "started", "running", "ended", "deleted", "requeued", "rerun", "suspended", "resumed",
    "held", "released", "moved", "run refused", "forgotten",
})


@dataclass(frozen=True)
class RecordEntry:
    """One event of one job.

    `monotonic` is time.monotonic(), `wall` seconds since the epoch; `host` the
    job's first host while it has one, else None. "started" is state R with
    substate 41, "running" substate 42. `exit_status` and `why` are set with
    "ended"; `why` also with "deleted", "held", "moved" and "run refused".
    """

    kind: str
    job_id: str
    pod_uid: str | None
    host: str | None
    monotonic: float
    wall: float
    exit_status: int | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such kind of event: {self.kind}")
