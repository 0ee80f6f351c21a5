"""The packages under test, which `make test-packages` builds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder of the packages."""
    folder = os.environ.get("PBS_CONNECTOR_PACKAGES")
    if folder is None:
        pytest.skip("packages are tested by make test-packages")
    return Path(folder)


@pytest.fixture(scope="session")
def debs(packages: Path) -> list[Path]:
    found = sorted(packages.glob("*.deb"))
    assert len(found) == 2, f"{packages}: make deb"
    return found


@pytest.fixture(scope="session")
def rpms(packages: Path) -> list[Path]:
    found = sorted(packages.glob("*.rpm"))
    assert len(found) == 2, f"{packages}: make rpm"
    return found
