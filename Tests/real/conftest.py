"""Fixtures: one real cluster for all tests of a run, and the real PBS."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from .kubernetes import RealKubernetes
from .pbs import RealPBS


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[RealKubernetes]:
    """A running cluster; skips where none can run."""
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    with RealKubernetes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pbs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPBS]:
    """The PBS of this machine; skips where there is none. What a module's tests submitted is deleted at its end:
    those of the next may want an idle one."""
    reason = RealPBS.missing()
    if reason is not None:
        pytest.skip(f"real PBS: {reason}")
    with RealPBS(tmp_path_factory.mktemp("pbs")) as site:
        yield site
