"""What goes wrong during a run: each disturbance is drawn from the seed and its own number, whatever came before."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulators.pbs.timers import Timers

from .lasting import Lasting

# Seconds between two disturbances, on average.
INTERVAL = 0.8
ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Kind:
    """`strike` gets the dice and says in words what it did; None where that is away already, or there is nothing of
    the kind. `weight` is how often it is drawn, relative to the others."""

    weight: int
    name: str
    strike: Callable[[random.Random], str | None]


class Disturbances:
    """Strikes at random until `calm`. `happened` tells what and when (time.monotonic(), words)."""

    def __init__(self, seed: int, timers: Timers, lasting: Lasting, kinds: Sequence[Kind]) -> None:
        self._seed = seed
        self._timers = timers
        self._lasting = lasting
        self._kinds = kinds
        self._number = 0
        self._is_over = False
        self.happened: list[tuple[float, str]] = []
        self.counts: Counter[str] = Counter()

    def begin(self) -> None:
        self._plan_next()

    def _plan_next(self) -> None:
        dice = random.Random(f"disturbance {self._seed} {self._number}")
        self._timers.after(dice.uniform(0, 2 * INTERVAL), lambda: self._strike(dice))

    def _strike(self, dice: random.Random) -> None:
        if self._is_over:
            return
        kind = dice.choices(self._kinds, [kind.weight for kind in self._kinds])[0]
        words = kind.strike(dice)
        if words is not None:
            self.happened.append((time.monotonic(), words))
            self.counts[kind.name] += 1
        self._number += 1
        self._plan_next()

    def calm(self) -> None:
        """The end of all disturbances, those that last included."""
        self._is_over = True
        self._lasting.end_all()
