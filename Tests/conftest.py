"""Marks the tests that need the real thing, whatever folder they are in: -m real_pbs, -m real_api.

A test says so itself where neither its fixtures nor its parameters do.
"""

from __future__ import annotations

import pytest

# Fixtures that start a real API server.
REAL_API_FIXTURES = {"real_kubernetes", "real_api_site"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if parameters.get("pbs") == "real_pbs":
            item.add_marker(pytest.mark.real_pbs)
        if REAL_API_FIXTURES & set(item.fixturenames) or "real_api" in parameters.values():
            item.add_marker(pytest.mark.real_api)
