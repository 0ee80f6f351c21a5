"""Reads systemd's unit files and sysusers.d lines, as far as deploy/ needs it (systemd.syntax(7))."""

from __future__ import annotations

import shlex
from pathlib import Path


def read_unit(path: Path) -> dict[str, list[str]]:
    """The settings of all sections by name, each with its values in order."""
    settings: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith(("#", ";", "[")):
            continue
        name, separator, value = line.partition("=")
        assert separator and not value.endswith("\\"), f"{path.name}: {line}"
        settings.setdefault(name, []).append(value)
    return settings


def read_system_users(path: Path) -> tuple[set[str], dict[str, str]]:
    """The groups, and the users with the primary group of each, of a sysusers.d file."""
    groups: set[str] = set()
    users: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        kind, name, identity, *_ = shlex.split(line)
        if kind == "g":
            groups.add(name)
        else:
            assert kind == "u", line
            users[name] = identity.partition(":")[2] or name
    return groups, users
