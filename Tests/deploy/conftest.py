"""Fixtures: the programs, a folder for sockets, and a real API server under the admission policies."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from deploy.guarded_server import Guarded, guarded_server, missing_judge
from integration.connector import PROGRAMS, program_folder
from real.kubernetes import RealKubernetes


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Here and not in a fixture, so that pytest -rs tells it once and not for each test.
    judge = item.callspec.params.get("guarded") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if judge is None:
        return
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    reason = missing_judge() if judge == "server" else None
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The executables must have been built: a test that runs old ones says nothing."""
    for program in PROGRAMS:
        assert (program_folder() / program).exists(), f"{program} is not built in {program_folder()}: run `swift build`"


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has at most 107 octets, pytest's folders many."""
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as folder:
        yield Path(folder)


@pytest.fixture(scope="session", params=["server", "stand-in"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server whose policies are in force, evaluated by itself or by the webhook that stands in for it."""
    with guarded_server(tmp_path_factory.mktemp("kubernetes"), request.param == "server") as server:
        yield server
