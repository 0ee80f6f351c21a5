"""The lives of pods and jobs, put together from what the simulators recorded. Times are time.monotonic(), in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulators.kubernetes import Entry
from simulators.pbs import RecordEntry

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


@dataclass
class Run:
    """One stay of a job on a host: `since` is its first report (substate 42), infinite where it never came."""

    host: str
    since: float = math.inf
    until: float = math.inf


@dataclass
class JobHistory:
    """A job from qsub to its end. `deletions` are the qdel that reached it: when, and USER@HOST."""

    id: str
    uid: str
    queued: float
    runs: list[Run] = field(default_factory=list)
    deletions: list[tuple[float, str]] = field(default_factory=list)
    ended: float = math.inf
    # When PBS lost it, while it ran.
    lost: float = math.inf

    @property
    def runs_now(self) -> bool:
        return bool(self.runs) and math.isinf(self.runs[-1].until)

    def live_at(self, moment: float) -> bool:
        return self.queued <= moment < self.ended

    def run_at(self, moment: float) -> Run | None:
        """The run whose host had reported by then and that was not over."""
        return next((run for run in self.runs if run.since <= moment <= run.until), None)

    def run_numbered(self, number: int) -> Run | None:
        """The run of this run_count, which begins with 1."""
        return self.runs[number - 1] if 0 < number <= len(self.runs) else None

    def deleted_by(self, user: str, moment: float = math.inf) -> float | None:
        """When this user's first qdel reached the job, if that was not later than `moment`."""
        return next((when for when, who in self.deletions if when <= moment and who.partition("@")[0] == user), None)


@dataclass
class PodHistory:
    """A pod object from its creation until it is gone. `node`, `job`, `run` (PBS's run_count) and `bound` are what its binding said, and when.

    `deletions` are the requests that took effect: when, and the API's user. `overdue` is the end of the grace period
    of the first one, for a pod that did not go at once.
    """

    uid: str
    name: str
    created: float
    bound: float = math.inf
    node: str = ""
    job: str | None = None
    run: int = 1
    deletions: list[tuple[float, str]] = field(default_factory=list)
    overdue: float = math.inf
    finished: float = math.inf
    gone: float = math.inf

    @property
    def is_bound(self) -> bool:
        return not math.isinf(self.bound)

    @property
    def is_over(self) -> bool:
        """Whether it needs no job any more: the object is gone, or its containers have ended."""
        return not (math.isinf(self.finished) and math.isinf(self.gone))

    @property
    def end(self) -> float:
        return min(self.finished, self.gone)


def jobs_of(record: Iterable[RecordEntry]) -> dict[tuple[str, str], JobHistory]:
    """The jobs of pods, by job id and pod UID; native jobs are left out.

    A PBS that has lost its jobs gives their ids again. Where a pod gets the same id twice, the later job counts:
    the earlier one is over, and its pod was not bound by it.
    """
    jobs: dict[tuple[str, str], JobHistory] = {}
    for entry in record:
        if entry.pod_uid is None:
            continue
        if entry.kind == "queued":
            jobs[entry.job_id, entry.pod_uid] = JobHistory(entry.job_id, entry.pod_uid, entry.monotonic)
        else:
            _add(jobs[entry.job_id, entry.pod_uid], entry)
    return jobs


def _add(job: JobHistory, entry: RecordEntry) -> None:
    if entry.kind == "started":
        job.runs.append(Run(entry.host or ""))
    elif entry.kind == "running":
        job.runs[-1].since = entry.monotonic
    elif entry.kind == "deleted":
        job.deletions.append((entry.monotonic, entry.why))
        # A job that waits is over with its qdel; of one that runs, "ended" follows.
        if not job.runs_now:
            job.ended = min(job.ended, entry.monotonic)
    elif entry.kind in ("ended", "requeued", "rerun", "run refused", "forgotten"):
        if job.runs_now:
            job.runs[-1].until = entry.monotonic
            if entry.kind == "forgotten":
                job.lost = entry.monotonic
        if entry.kind in ("ended", "forgotten"):
            job.ended = min(job.ended, entry.monotonic)


def pods_of(record: Iterable[Entry]) -> dict[str, PodHistory]:
    """The pods, by UID."""
    pods: dict[str, PodHistory] = {}
    for entry in record:
        if entry.kind == "created":
            pods[entry.uid] = PodHistory(entry.uid, f"{entry.namespace}/{entry.name}", entry.monotonic)
        pod = pods.get(entry.uid)
        if pod is None or entry.kind == "event":
            continue
        if entry.kind == "bound":
            pod.bound, pod.node = entry.monotonic, entry.node
            pod.job = entry.annotations.get("pbs-connector/job-id")
            pod.run = int(entry.annotations.get("pbs-connector/run-count", 1))
        elif entry.kind == "deleting":
            pod.deletions.append((entry.monotonic, entry.user))
            if math.isinf(pod.overdue):
                pod.overdue = entry.monotonic + float(entry.details["gracePeriodSeconds"])
        elif entry.kind == "gone":
            pod.gone = entry.monotonic
            # A pod that no kubelet has goes at once, without a time of termination.
            pod.deletions.append((entry.monotonic, entry.user))
        elif entry.kind == "phase" and entry.details["phase"] in FINISHED_PHASES:
            pod.finished = min(pod.finished, entry.monotonic)
    return pods
