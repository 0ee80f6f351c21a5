"""What happens to the PBS server, and what its commands do wrong."""

from __future__ import annotations

import random
import time

from simulators.pbs import PBSSimulator, errors
from simulators.pbs.timers import Timers

from .disturbances import Kind
from .downtime import Downtime
from .lasting import Lasting

# Seconds after which the broker gives a command up (pbs-broker's command-timeout in a run).
COMMAND_TIMEOUT = 3.0
# Commands without which nothing can be learned of jobs, or done to them.
_LOOKS = ("qstat", "listing", "qdel", "*")
# A PBS server loses its jobs once a minute at most, and when so many pods' jobs run that it is a mass disappearance.
_LOSS_INTERVAL = 60.0
_LOSS_LEAST = 12


class PBSFaults:
    def __init__(self, pbs: PBSSimulator, timers: Timers, lasting: Lasting, downtime: Downtime) -> None:
        self._pbs = pbs
        self._timers = timers
        self._lasting = lasting
        self._downtime = downtime
        self._lost_at = -_LOSS_INTERVAL

    def kinds(self) -> list[Kind]:
        return [Kind(5, "pbs stops", self._stops), Kind(5, "pbs hangs", self._hangs), Kind(20, "pbs errs", self._errs),
                Kind(5, "commands hang", self._commands_hang), Kind(3, "pbs lists nothing", self._lists_nothing),
                Kind(4, "pbs loses all jobs", self._loses_all_jobs)]

    def _stops(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if not self._downtime.lasts("pbs", seconds, self._lasting, self._pbs.stop, self._pbs.start):
            return None
        return f"pbs is restarted, for {seconds:.1f} s"

    def _hangs(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if not self._downtime.lasts("pbs", seconds, self._lasting, self._pbs.pause, self._pbs.resume_server):
            return None
        return f"pbs hangs, for {seconds:.1f} s"

    def _errs(self, dice: random.Random) -> str | None:
        faults = self._pbs.faults
        command = dice.choice(("qsub", "qstat", "listing", "qdel", "*"))
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

        self._lasting.lasts(seconds, remove)
        return f"pbs: {fault.kind.value} to {probability:.0%} of {fault.command}, for {seconds:.1f} s"

    def _commands_hang(self, dice: random.Random) -> str | None:
        command = dice.choice(("qsub", "qstat", "listing", "qdel", "*"))
        probability, seconds = dice.choice((0.3, 0.7, 1.0)), dice.uniform(0.5, 4)
        if self._downtime.is_down("commands"):
            return None
        with self._pbs.lock:
            fault = self._pbs.faults.hang(command, probability)

        def remove() -> None:
            with self._pbs.lock:
                self._pbs.faults.remove(fault)
            # The last one that it struck hangs on.
            self._timers.after(COMMAND_TIMEOUT, lambda: self._downtime.ends("commands"))

        if command in _LOOKS:
            self._downtime.begins("commands")
        self._lasting.lasts(seconds, remove)
        return f"pbs: {probability:.0%} of {command} hang, for {seconds:.1f} s"

    def _lists_nothing(self, dice: random.Random) -> str | None:
        count = dice.randint(1, 6)
        self._pbs.empty_listing(count)
        return f"pbs: {count} empty listings"

    def _loses_all_jobs(self, dice: random.Random) -> str | None:
        counts_anew = dice.random() < 0.5
        if self._downtime.is_down("pbs") or time.monotonic() - self._lost_at < _LOSS_INTERVAL:
            return None
        with self._pbs.lock:
            if sum(job.state == "R" and job.pod_uid is not None for job in self._pbs.jobs.values()) < _LOSS_LEAST:
                return None
            self._pbs.forget_all(restart_sequence=counts_anew)
        self._lost_at = time.monotonic()
        return f"pbs has lost all jobs{', and counts anew' if counts_anew else ''}"
