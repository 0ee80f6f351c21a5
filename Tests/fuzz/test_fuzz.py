"""A short run of each fuzz target; `make fuzz SECONDS=60` runs them at length.

    FUZZ_SECONDS    how long each target runs (default 2)
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fuzz import fuzzer

TARGETS = sorted(folder.name for folder in (fuzzer.HERE / "corpus").iterdir())


@pytest.fixture(scope="session")
def executable() -> Path:
    """Built from the sources as they are, which takes about a minute the first time."""
    reason = fuzzer.missing()
    if reason:
        pytest.skip(reason)
    return fuzzer.build()


def test_each_target_has_inputs_to_begin_with(executable: Path) -> None:
    assert fuzzer.targets(executable), "no targets"
    assert set(TARGETS) == {*fuzzer.targets(executable), "known-crash"}
    for target in TARGETS:
        assert any((fuzzer.HERE / "corpus" / target).iterdir()), f"no inputs for {target}"


def test_a_crash_is_found_and_leaves_its_input(executable: Path, tmp_path: Path) -> None:
    result = fuzzer.run(executable, "known-crash", 30, tmp_path / "corpus", tmp_path / "crashes")
    assert result.status != 0
    assert "as wanted" in result.summary
    assert result.crash is not None and result.crash.read_bytes()[:1] == b"!"


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "known-crash"])
def test_no_input_crashes_hangs_or_grows(executable: Path, tmp_path: Path, target: str) -> None:
    seconds = int(os.environ.get("FUZZ_SECONDS") or 2)
    result = fuzzer.run(executable, target, seconds, tmp_path / "corpus", tmp_path / "crashes")
    crash = result.crash.read_bytes() if result.crash else b""
    assert result.status == 0, f"{result.summary}\ninput: {crash!r}\n{result.log[-4000:]}"
    assert result.summary.startswith("Done "), result.log[-4000:]
