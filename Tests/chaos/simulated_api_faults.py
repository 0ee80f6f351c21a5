"""What happens to the simulated API server, and what it does wrong."""

from __future__ import annotations

import random

from simulators.kubernetes import (CloseWatch, Cut, Delay, Fault, Gone, KubernetesSimulator, LoseAnswer, Reset,
                                   SilenceWatch, Status, TooManyRequests)
from simulators.kubernetes.faults import Action

from .disturbances import Kind
from .downtime import Downtime
from .lasting import Lasting

_WATCH = r"watch="
_LIST = r"^GET .*/(pods|nodes)\?(?!.*watch=)"


class SimulatedAPIFaults:
    """`struck` counts the requests that a fault has met."""

    def __init__(self, kubernetes: KubernetesSimulator, lasting: Lasting, downtime: Downtime) -> None:
        self._kubernetes = kubernetes
        self._lasting = lasting
        self._downtime = downtime
        self.struck = 0

    def kinds(self) -> list[Kind]:
        return [Kind(5, "kubernetes stops", self._stops), Kind(5, "kubernetes hangs", self._hangs),
                Kind(20, "kubernetes errs", self._errs), Kind(6, "watches", self._watches)]

    def _stops(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if not self._downtime.lasts("kubernetes", seconds, self._lasting, self._kubernetes.stop, self._kubernetes.start):
            return None
        return f"kubernetes is restarted, for {seconds:.1f} s"

    def _hangs(self, dice: random.Random) -> str | None:
        seconds = dice.uniform(0.1, 5)
        if not self._downtime.lasts("kubernetes", seconds, self._lasting, self._kubernetes.pause, self._kubernetes.resume):
            return None
        return f"kubernetes hangs, for {seconds:.1f} s"

    def _errs(self, dice: random.Random) -> str | None:
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
        self._lasting.lasts(seconds, remove)
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
