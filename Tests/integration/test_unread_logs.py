"""Logs that nobody reads, or that have no room: what a logger with a full disk makes of them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Iterator

import pytest

from integration.connector import PROGRAMS
from integration.site import Site


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe that is full, which the test alone can read."""
    path = tmp_path / "log"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(descriptor, b"x" * 4095 + b"\n")
    except BlockingIOError:
        pass
    yield path, descriptor
    os.close(descriptor)


def log_to(site: Site, path: Path) -> None:
    for program in PROGRAMS:
        wrapper = list(site.connector.wrappers.get(program, ()))
        site.connector.wrappers[program] = [*wrapper, "/bin/sh", "-c", f'exec "$0" "$@" 2>{path}']


@pytest.mark.simulated_pbs("is about our own processes")
def test_logs_that_nobody_reads_stop_nobody(site: Site, unread: tuple[Path, int]) -> None:
    path, descriptor = unread
    log_to(site, path)
    site.connector.start()
    for number in range(8):
        site.create(f"pod-{number}")
    for number in range(8):
        site.wait_bound(f"pod-{number}", 60)
    # Read again: what is missing is told.
    text = b""
    deadline = time.monotonic() + 60
    number = 0
    while not all(f"{program}: warning: ".encode() in text for program in PROGRAMS) and time.monotonic() < deadline:
        number += 1
        site.create(f"later-{number}", cpu="10m")
        site.wait_bound(f"later-{number}", 60)
        site.kubernetes.delete_pod("default", f"later-{number}", grace_period_seconds=0)
        try:
            while octets := os.read(descriptor, 1 << 16):
                text += octets
        except BlockingIOError:
            pass
    for program in PROGRAMS:
        assert any(line.startswith(f"{program}: warning: ".encode()) and b"lines of the log were left out here" in line
                   for line in text.split(b"\n")), program


@pytest.mark.simulated_pbs("is about our own processes")
def test_a_disk_without_room_for_logs_stops_nobody(site: Site) -> None:
    log_to(site, Path("/dev/full"))
    site.connector.start()
    site.create("pod")
    site.wait_bound("pod")


@pytest.mark.simulated_pbs("is about our own processes")
def test_reloads_without_end_stop_nobody(site: Site) -> None:
    """As a supervisor in a loop sends them: the configuration is read again and again, and work goes on."""
    site.connector.start()
    for program in PROGRAMS:
        site.connector[program].wait_for_log(f"{program}: ")
    end = time.monotonic() + 3
    site.create("pod")
    while time.monotonic() < end:
        for program in PROGRAMS:
            site.connector[program].signal(signal.SIGHUP)
        time.sleep(0.002)
    site.wait_bound("pod")
    assert all(site.connector[program].is_running for program in PROGRAMS)
