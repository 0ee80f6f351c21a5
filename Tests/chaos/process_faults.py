"""What happens to the connector's processes."""

from __future__ import annotations

import random

from .disturbances import Kind
from .lasting import Lasting
from .supervisor import Supervisor


class ProcessFaults:
    def __init__(self, supervisor: Supervisor, lasting: Lasting) -> None:
        self._supervisor = supervisor
        self._lasting = lasting

    def kinds(self) -> list[Kind]:
        kinds = [Kind(14, "kill", self._kill), Kind(12, "suspend", self._suspend), Kind(3, "restart", self._restart)]
        if self._supervisor.elects:
            kinds.append(Kind(5, "leader away", self._leader_away))
        return kinds

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
        self._lasting.lasts(seconds, lambda: self._supervisor.resume(name))
        return f"{name} is stopped for {seconds:.1f} s"

    def _restart(self, dice: random.Random) -> str | None:
        name = self._victim(dice)
        if name is None:
            return None
        self._supervisor.restart(name)
        return f"{name} is restarted"

    def _leader_away(self, dice: random.Random) -> str | None:
        """Long enough for the other one to lead: the lease lasts 15 s (client-go's timings)."""
        seconds = dice.uniform(15, 25)
        kills = dice.random() < 0.5
        leader = self._supervisor.leader
        if leader is None or not self._supervisor.has_standby(leader):
            return None
        if kills:
            self._supervisor.kill(leader, seconds)
            return f"{leader}, which leads, is killed, for {seconds:.1f} s"
        self._supervisor.suspend(leader)
        self._lasting.lasts(seconds, lambda: self._supervisor.resume(leader))
        return f"{leader}, which leads, is stopped for {seconds:.1f} s"

    def _victim(self, dice: random.Random) -> str | None:
        working = self._supervisor.working
        return dice.choice(working) if working else None
