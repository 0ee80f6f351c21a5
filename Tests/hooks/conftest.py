"""Fixtures for tests of the PBS hooks."""
from pathlib import Path

import pytest

from hooks.execution_host import ExecutionHost


@pytest.fixture
def host(tmp_path: Path) -> ExecutionHost:
    """An execution host named node1."""
    return ExecutionHost(tmp_path / "node1")
