"""Fixtures: a folder for sockets, and a real API server under the admission policies."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from deploy.guarded_server import Guarded, guarded_server
from real.kubernetes import RealKubernetes


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has at most 107 octets, pytest's folders many."""
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as folder:
        yield Path(folder)


@pytest.fixture(scope="session", params=["server", "stand-in"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server whose policies are in force, evaluated by itself or by the webhook that stands in for it."""
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    with guarded_server(tmp_path_factory.mktemp("kubernetes"), request.param == "server") as server:
        yield server
