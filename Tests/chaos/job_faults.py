"""What an administrator, its host or the scheduler does to a job."""

from __future__ import annotations

import random
from collections.abc import Callable

from simulators.pbs import Job, PBSSimulator

from .disturbances import ADMINISTRATOR, Kind
from .downtime import Downtime
from .lasting import Lasting

QUEUE = "later"


class JobFaults:
    """`hosts_down` are the hosts on which nothing can be done to a job."""

    def __init__(self, pbs: PBSSimulator, lasting: Lasting, downtime: Downtime, hosts_down: set[str]) -> None:
        self._pbs = pbs
        self._lasting = lasting
        self._downtime = downtime
        self._hosts_down = hosts_down

    def kinds(self) -> list[Kind]:
        return [Kind(16, "job changes", self._change(self._delete, self._delete, self._ends, self._requeue, self._rerun)),
                Kind(4, "job refused", self._change(self._refuse, state="Q")),
                Kind(6, "job suspended", self._change(self._suspend)),
                Kind(5, "job held", self._change(self._hold, state="Q")),
                Kind(5, "job moved", self._change(self._move, state="Q"))]

    def _change(self, *changes: Callable[[Job, random.Random], str], state: str = "R") -> Callable[[random.Random], str | None]:
        """One of these changes to one of the pods' jobs in that state."""
        def strike(dice: random.Random) -> str | None:
            number, change = dice.random(), dice.choice(changes)
            if self._downtime.is_down("pbs"):
                return None
            with self._pbs.lock:
                jobs = sorted((job for job in self._pbs.jobs.values() if job.state == state and job.pod_uid is not None
                               and job.deleted_by is None and not self._hosts_down & set(job.hosts)),
                              key=lambda job: job.sequence)
                if not jobs:
                    return None
                job = jobs[int(number * len(jobs))]
                return f"job {job.id} of {job.name} {change(job, dice)}"
        return strike

    def _delete(self, job: Job, _: random.Random) -> str:
        self._pbs.delete(job.id, user=ADMINISTRATOR)
        return "is deleted by an administrator"

    def _ends(self, job: Job, _: random.Random) -> str:
        self._pbs.end_job(job.id, 1)
        return "ends by itself"

    def _requeue(self, job: Job, _: random.Random) -> str:
        self._pbs.requeue(job.id)
        return "is requeued"

    def _rerun(self, job: Job, _: random.Random) -> str:
        self._pbs.rerun(job.id)
        return "runs again"

    def _refuse(self, job: Job, _: random.Random) -> str:
        self._pbs.refuse_next_run(job.id)
        return "will be refused by its host"

    def _suspend(self, job: Job, dice: random.Random) -> str:
        seconds = dice.uniform(0.5, 8)
        self._pbs.suspend(job.id)
        self._lasting.lasts(seconds, lambda: self._if_still(job, "S", lambda: self._pbs.resume(job.id)))
        return f"is suspended for {seconds:.1f} s"

    def _hold(self, job: Job, dice: random.Random) -> str:
        seconds = dice.uniform(0.5, 8)
        self._pbs.hold(job.id)
        self._lasting.lasts(seconds, lambda: self._if_still(job, "H", lambda: self._pbs.release(job.id)))
        return f"is held for {seconds:.1f} s"

    def _move(self, job: Job, _: random.Random) -> str:
        self._pbs.move(job.id, QUEUE)
        return f"is moved to queue {QUEUE}"

    def _if_still(self, job: Job, state: str, call: Callable[[], None]) -> None:
        with self._pbs.lock:
            if self._pbs.jobs.get(job.id) is job and job.state == state:
                call()
