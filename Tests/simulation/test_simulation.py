"""The simulation repeats a run exactly, by its seed. (`make simulate` runs it for long.)"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / ".build" / "debug" / "simulate"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="make simulate has not built it")


def history(seed: int) -> str:
    """The fingerprint of all that happens in five hours of a site."""
    result = subprocess.run([str(PROGRAM), "5", str(seed)], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout
    found = re.search(r"(\d+) events, history ([0-9a-f]+)", result.stdout)
    assert found is not None and int(found.group(1)) > 50, result.stdout
    return found.group(2)


def test_the_same_seed_is_the_same_history() -> None:
    assert history(7) == history(7)


def test_another_seed_is_another_history() -> None:
    assert history(7) != history(8)
