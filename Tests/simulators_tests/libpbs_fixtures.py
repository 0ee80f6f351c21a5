"""Fixtures for tests of the stand-in for libpbs.so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.pbs import PBSSimulator

from .libpbs_process import LibpbsProcess


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[PBSSimulator]:
    """One host, and the library."""
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 2, "mem": "1gb"}}, libpbs=True) as running:
        yield running


@pytest.fixture
def start(simulator: PBSSimulator) -> Iterator[Callable[..., LibpbsProcess]]:
    """Starts processes that have loaded the library, with further variables in their environment."""
    started: list[LibpbsProcess] = []

    def one(**variables: str) -> LibpbsProcess:
        started.append(LibpbsProcess(simulator.directory / "lib" / "libpbs.so", {**simulator.environment, **variables}))
        return started[-1]

    yield one
    for process in started:
        process.close()


@pytest.fixture
def library(start: Callable[..., LibpbsProcess]) -> LibpbsProcess:
    """One process with the library."""
    return start()
