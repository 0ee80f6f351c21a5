"""Each program is linked with what it may talk to, and with nothing else."""

from __future__ import annotations

import subprocess

import pytest

from integration.connector import program_folder

# What speaks HTTPS: libcurl, and the TLS below it.
HTTPS = {"libcurl", "libssl", "libcrypto"}


def libraries(program: str) -> set[str]:
    """The shared libraries that a program is started with, without version."""
    listed = subprocess.run(["ldd", program_folder() / program], capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split(".so")[0].split("-")[0] for line in listed.splitlines()}


def test_pbs_broker_cannot_talk_to_kubernetes() -> None:
    found = libraries("pbs-broker")
    assert "libevent_core" in found, "ldd lists the program's libraries"
    assert not found & HTTPS


@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_who_talks_to_kubernetes_does_not_link_pbs(program: str) -> None:
    found = libraries(program)
    assert "libcurl" in found
    assert not {name for name in found if "pbs" in name}
