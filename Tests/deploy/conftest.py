"""A folder for sockets."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has at most 107 octets, pytest's folders many."""
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as folder:
        yield Path(folder)
