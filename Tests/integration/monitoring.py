"""Asks the processes for their metrics and health, as a scraper does."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

_SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def connect(place: str, timeout: float = 10.0) -> socket.socket:
    """A connection to a socket's path, or HOST:PORT."""
    if place.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(place)
        return connection
    host, _, port = place.rpartition(":")
    return socket.create_connection((host, int(port)), timeout)


def get(place: str, path: str, timeout: float = 10.0) -> tuple[int, str]:
    """The status and the body."""
    with connect(place, timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        octets = b""
        while chunk := connection.recv(1 << 16):
            octets += chunk
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def parse(text: str) -> Samples:
    """All samples, by name and labels."""
    found: Samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _SAMPLE.match(line)
        assert match, f"not a sample: {line!r}"
        key = match[1], frozenset(_LABEL.findall(match[2] or ""))
        assert key not in found, f"twice: {line}"
        found[key] = float(match[3])
    return found


def metrics(place: str) -> Samples:
    status, text = get(place, "/metrics")
    assert status == 200
    return parse(text)


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of this name that have these labels."""
    return sum(number for (sample, own), number in samples.items() if sample == name and set(labels.items()) <= own)


def wait_for(place: str, condition: Callable[[Samples], bool], timeout: float = 30.0) -> Samples:
    """Wait until the metrics are as the condition wants them. They are made anew once a second."""
    deadline = time.monotonic() + timeout
    while True:
        samples = metrics(place)
        if condition(samples):
            return samples
        assert time.monotonic() < deadline, "\n".join(f"{name}{dict(labels)} {number}" for (name, labels), number in sorted(
            samples.items(), key=lambda sample: sample[0][0]))
        time.sleep(0.2)


def wait_ready(place: str, status: int = 200, text: str = "", timeout: float = 30.0) -> str:
    """Wait until /readyz answers so. Returns what it says."""
    deadline = time.monotonic() + timeout
    while True:
        found, body = get(place, "/readyz")
        if found == status and text in body:
            return body
        assert time.monotonic() < deadline, f"/readyz: {found}\n{body}"
        time.sleep(0.1)


def promtool(*arguments: str | Path, given: str = "") -> str:
    """Runs promtool; what it prints."""
    result = subprocess.run(["promtool", *map(str, arguments)], input=given, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr
