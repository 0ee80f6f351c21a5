"""What goes wrong during a run: each disturbance is drawn from the seed and its own number, whatever came before."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from simulators.kubernetes import (CloseWatch, Cut, Delay, Fault, Gone, KubernetesSimulator, LoseAnswer, Reset,
                                   SilenceWatch, Status, TooManyRequests)
from simulators.kubernetes.faults import Action
from simulators.pbs import Job, PBSSimulator, errors
from simulators.pbs.timers import Timers

from .downtime import Downtime
from .supervisor import Supervisor

# Seconds between two disturbances, on average.
INTERVAL = 0.8
ADMINISTRATOR = "administrator"

_WATCH = r"watch="
_LIST = r"^GET .*/(pods|nodes)\?(?!.*watch=)"


class Disturbances:
    """Strikes at random until `calm`. `happened` tells what and when (time.monotonic(), words)."""

    def __init__(self, seed: int, kubernetes: KubernetesSimulator, pbs: PBSSimulator, supervisor: Supervisor,
                 timers: Timers, downtime: Downtime) -> None:
        self._seed = seed
        self._kubernetes = kubernetes
        self._pbs = pbs
        self._supervisor = supervisor
        self._timers = timers
        self._downtime = downtime
        self._number = 0
        self._is_over = False
        # How to end what lasts, by the number of its disturbance.
        self._lasting: dict[int, Callable[[], None]] = {}
        self.happened: list[tuple[float, str]] = []
        self.counts: Counter[str] = Counter()
        # Requests and commands that a fault has struck.
        self.struck = 0
        self._kinds: list[tuple[int, Callable[[random.Random], str | None]]] = [
            (14, self._kill), (12, self._suspend), (3, self._restart),
            (5, self._kubernetes_stops), (5, self._kubernetes_hangs), (20, self._kubernetes_errs), (6, self._watches),
            (5, self._pbs_stops), (5, self._pbs_hangs), (20, self._pbs_errs), (3, self._pbs_lists_nothing),
            (16, self._job_changes),
        ]

    def begin(self) -> None:
        self._plan_next()

    def _plan_next(self) -> None:
        dice = random.Random(f"disturbance {self._seed} {self._number}")
        self._timers.after(dice.uniform(0, 2 * INTERVAL), lambda: self._strike(dice))

    def _strike(self, dice: random.Random) -> None:
        if self._is_over:
            return
        strike = dice.choices([kind for _, kind in self._kinds], [weight for weight, _ in self._kinds])[0]
        words = strike(dice)
        # None: what it is about is away already, or there is nothing of the kind.
        if words is not None:
            self.happened.append((time.monotonic(), words))
            self.counts[strike.__name__.strip("_").replace("_", " ")] += 1
        self._number += 1
        self._plan_next()

    def calm(self) -> None:
        """The end of all disturbances, those that last included."""
        self._is_over = True
        for number in list(self._lasting):
            self._end(number)

    def _lasts(self, seconds: float, end: Callable[[], None]) -> None:
        number = self._number
        self._lasting[number] = end
        self._timers.after(seconds, lambda: self._end(number))

    def _end(self, number: int) -> None:
        end = self._lasting.pop(number, None)
        if end is not None:
            end()

    # Processes

    def _kill(self, dice: random.Random) -> str | None:
        away = dice.choice((0.0, dice.uniform(0, 4)))
        name = self._victim(dice)
        if name is None:
            return None
        self._supervisor.kill(name, away)
        return f"{name} is killed, for {away:.1f} s"

    def _suspend(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.2, 8)
        name = self._victim(dice)
        if name is None:
            return None
        self._supervisor.suspend(name)
        self._lasts(seconds, lambda: self._supervisor.resume(name))
        return f"{name} is stopped for {seconds:.1f} s"

    def _restart(self, dice: random.Random) -> str | None:
        name = self._victim(dice)
        if name is None:
            return None
        self._supervisor.restart(name)
        return f"{name} is restarted"

    def _victim(self, dice: random.Random) -> str | None:
        working = self._supervisor.working
        return dice.choice(working) if working else None

    # The API server

    def _kubernetes_stops(self, dice: random.Random) -> str | None:
        return self._goes(dice, "kubernetes", self._kubernetes.stop, self._kubernetes.start, "is restarted")

    def _kubernetes_hangs(self, dice: random.Random) -> str | None:
        return self._goes(dice, "kubernetes", self._kubernetes.pause, self._kubernetes.resume, "hangs")

    def _goes(self, dice: random.Random, name: str, begin: Callable[[], None], end: Callable[[], None], what: str) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if self._downtime.is_down(name):
            return None

        def returns() -> None:
            end()
            self._downtime.ends(name)

        self._downtime.begins(name)
        begin()
        self._lasts(seconds, returns)
        return f"{name} {what}, for {seconds:.1f} s"

    def _kubernetes_errs(self, dice: random.Random) -> str | None:
        action: Action
        match, action = dice.choice((
            (r"", Status(500)), (r"", Status(503)), (r"^(POST|PATCH|DELETE)", TooManyRequests(1)), (r"", Reset()),
            (r"^(POST|PATCH|DELETE)", LoseAnswer()), (r"/binding", LoseAnswer()), (r"", Cut()),
            (r"^(GET|POST|PATCH|DELETE)", Delay(dice.uniform(0.1, 3))), (_LIST, Gone()), (_WATCH, Gone(dice.uniform(0, 1))),
            (_WATCH, CloseWatch(dice.uniform(0, 1))), (_WATCH, SilenceWatch(dice.uniform(0, 1))), (_WATCH, Cut()),
        ))
        fault = Fault(match, action, probability=dice.choice((0.3, 0.7, 1.0)))
        seconds = dice.uniform(0.5, 4)

        def remove() -> None:
            self._kubernetes.faults.remove(fault)
            self.struck += fault.hits

        self._kubernetes.faults.add(fault)
        self._lasts(seconds, remove)
        return f"kubernetes: {action} to {fault.probability:.0%} of {match or 'all requests'}, for {seconds:.1f} s"

    def _watches(self, dice: random.Random) -> str | None:
        strike = dice.choice((self._kubernetes.close_watches, self._kubernetes.silence_watches))
        compacts = dice.random() < 0.5
        if self._downtime.is_down("kubernetes"):
            return None
        if compacts:
            self._kubernetes.compact()
        strike()
        return f"kubernetes: {strike.__name__}{', history compacted' if compacts else ''}"

    # PBS

    def _pbs_stops(self, dice: random.Random) -> str | None:
        return self._goes(dice, "pbs", self._pbs.stop, self._pbs.start, "is restarted")

    def _pbs_hangs(self, dice: random.Random) -> str | None:
        return self._goes(dice, "pbs", self._pbs.pause, self._pbs.resume_server, "hangs")

    def _pbs_errs(self, dice: random.Random) -> str | None:
        faults = self._pbs.faults
        command = dice.choice(("qsub", "qstat", "qselect", "qdel", "*"))
        probability, seconds = dice.choice((0.3, 0.7, 1.0)), dice.uniform(1, 6)
        with self._pbs.lock:
            fault = dice.choice((
                lambda: faults.slow(command, dice.uniform(0.1, 2.5), probability),
                lambda: faults.fail(command, 15010 & 255, f"{command}: cannot connect to server pbsserver (errno=15010)", probability),
                lambda: faults.fail("qsub", errors.QUEUE_NOT_ENABLED & 255, "qsub: Queue is not enabled", probability, 2),
                lambda: faults.cut(command, 0, probability),
                lambda: faults.lose_answer("qsub", probability),
                lambda: faults.lose_answer(command, probability),
                lambda: faults.silent(command, 0, probability),
                lambda: faults.garbage(command, probability),
            ))()

        def remove() -> None:
            with self._pbs.lock:
                faults.remove(fault)

        self._lasts(seconds, remove)
        return f"pbs: {fault.kind.value} to {probability:.0%} of {fault.command}, for {seconds:.1f} s"

    def _pbs_lists_nothing(self, dice: random.Random) -> str | None:
        count = dice.randint(1, 6)
        self._pbs.empty_listing(count)
        return f"pbs: {count} empty listings"

    # Jobs

    def _job_changes(self, dice: random.Random) -> str | None:
        """Something that an administrator, the job's host or the scheduler does."""
        number = dice.random()
        change = dice.choice((self._delete, self._delete, self._ends, self._requeue, self._rerun, self._refuse))
        if self._downtime.is_down("pbs"):
            return None
        with self._pbs.lock:
            jobs = sorted((job for job in self._pbs.jobs.values() if job.live and job.pod_uid is not None
                           and job.state == ("Q" if change == self._refuse else "R") and job.deleted_by is None),
                          key=lambda job: job.sequence)
            if not jobs:
                return None
            job = jobs[int(number * len(jobs))]
            return f"job {job.id} of {job.name} {change(job)}"

    def _delete(self, job: Job) -> str:
        self._pbs.delete(job.id, user=ADMINISTRATOR)
        return "is deleted by an administrator"

    def _ends(self, job: Job) -> str:
        self._pbs.end_job(job.id, 1)
        return "ends by itself"

    def _requeue(self, job: Job) -> str:
        self._pbs.requeue(job.id)
        return "is requeued"

    def _rerun(self, job: Job) -> str:
        self._pbs.rerun(job.id)
        return "runs again"

    def _refuse(self, job: Job) -> str:
        self._pbs.refuse_next_run(job.id)
        return "will be refused by its host"
