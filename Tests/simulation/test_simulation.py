"""The simulation repeats a run exactly, by its seed, and cuts a failure down. (`make simulate` runs it for long.)"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from simulation.defects import ROOT, Defect, defects
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
    assert parts(60, 7, longest=25) == [(25, 7), (25, 8), (10, 9)]


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1)")
@pytest.mark.parametrize("defect", defects(), ids=lambda defect: defect.patch.stem)
def test_each_defect_can_be_put_back(defect: Defect) -> None:
    """`make simulate-defects` builds each; that the sources have moved on is to be seen at once."""
    assert re.compile(defect.words) and (defect.seed is None or defect.hours <= 100)
    ended = subprocess.run(["patch", "--strip=1", "--dry-run", "--force", f"--input={defect.patch}"], cwd=ROOT,
                           capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
