"""Hints as PBS's server hooks send them, of a simulated PBS."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulators.pbs import PBSSimulator

# What happens to a job, and the event of the hook that tells of it.
EVENTS = {"queued": "postqueuejob", "started": "runjob", "ended": "jobobit"}
# Seconds after which a thread that has heard nothing looks whether it is to end.
WAKE_SECONDS = 0.5


@contextmanager
def sent(pbs: PBSSimulator, hints_socket: Path) -> Iterator[None]:
    """Send a hint of each such event at once, as the hooks do."""
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(pbs, hints_socket, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(pbs: PBSSimulator, hints_socket: Path, ended: threading.Event) -> None:
    told = len(pbs.record)
    while not ended.is_set():
        with pbs.lock:
            pbs.server.changed.wait_for(lambda: len(pbs.record) > told, WAKE_SECONDS)
            news = pbs.record[told:]
        told += len(news)
        for entry in news:
            if entry.kind in EVENTS:
                _send(hints_socket, entry.job_id, EVENTS[entry.kind])


def _send(hints_socket: Path, job_id: str, event: str) -> None:
    message = json.dumps({"type": "hint", "job": job_id, "event": event}) + "\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(hints_socket))
        connection.sendall(f"{len(message)} {message}".encode())
