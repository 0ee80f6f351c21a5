"""The simulation repeats a run exactly, by its seed, and cuts a failure down. (`make simulate` runs it for long.)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulation.runs import parts, run

PROGRAM = Path(__file__).resolve().parents[2] / ".build" / "debug" / "simulate"

built = pytest.mark.skipif(not PROGRAM.exists(), reason="make simulate has not built it")


def history(seed: int) -> str:
    """The fingerprint of all that happens in five hours of a site."""
    ended = run(PROGRAM, 5, seed)
    assert ended.status == 0, ended.output
    found = re.search(r"(\d+) events, history ([0-9a-f]+)", ended.output)
    assert found is not None and int(found.group(1)) > 50, ended.output
    return found.group(2)


@built
def test_the_same_seed_is_the_same_history() -> None:
    assert history(7) == history(7)


@built
def test_another_seed_is_another_history() -> None:
    assert history(7) != history(8)


@built
def test_of_a_failure_the_shortest_history_is_found() -> None:
    # Two faults and one pod are all that the trap needs; there were many.
    ended = run(PROGRAM, 60, 7, "trap=killBroker,jobDeleted")
    assert ended.failure is not None and "the trap closes" in ended.failure, ended.output
    before = re.search(r"(\d+) pods, (\d+) faults", ended.output)
    assert before is not None and int(before.group(1)) > 50 and int(before.group(2)) > 50, ended.output
    after = re.search(r"the shortest history found has (\d+) pods and (\d+) faults", ended.output)
    assert after is not None, ended.output
    assert int(after.group(1)) == 1 and int(after.group(2)) == 2, ended.output
    told = ended.output[after.end():]
    for words in ("fault: killBroker", "fault: jobDeleted", "user: creates pod-1", "VIOLATION: the trap closes"):
        assert words in told, told


def test_many_hours_are_runs_of_a_hundred_each_with_a_seed_of_its_own() -> None:
    assert parts(250, 7) == [(100, 7), (100, 8), (50, 9)]
