"""What a service manager hears of a process (sd_notify(3)), and how it stops one."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Callable


class ServiceManager:
    """The other end of NOTIFY_SOCKET. `path` of "@name" is an abstract socket."""

    def __init__(self, path: Path | str, watchdog: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + path[1:] if isinstance(path, str) else str(path))
        self.environment = {"NOTIFY_SOCKET": str(path)}
        if watchdog is not None:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self._heard: list[str] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while message := self._socket.recv(4096).decode():
            with self._changed:
                self._heard.append(message)
                self._changed.notify_all()

    @property
    def heard(self) -> list[str]:
        with self._changed:
            return list(self._heard)

    def wait_for(self, predicate: Callable[[list[str]], object], timeout: float = 20.0) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: predicate(self._heard), timeout), self._heard
            return list(self._heard)

    def count(self, message: str) -> int:
        return self.heard.count(message)


def moments(action: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
