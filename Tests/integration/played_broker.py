"""A pbs-broker that a test plays: a socket for one binder, which asks what the test wants and keeps the outcomes."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

from integration.peer import Message, Peer


class PlayedBroker:
    """Serves `path`, says hello and pings; `outcomes` are the binder's answers in their order."""

    def __init__(self, path: Path, owner: str = "binder") -> None:
        self.outcomes: list[Message] = []
        self._owner = owner
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._peer: Peer | None = None
        self._ends = False
        threading.Thread(target=self._serve, daemon=True, name="played broker").start()

    def close(self) -> None:
        """Stop to serve."""
        self._ends = True
        self._listener.close()
        with self._changed:
            if self._peer is not None:
                self._peer.socket.close()

    def ask(self, type: str, pod: dict[str, Any], **fields: Any) -> None:
        """Send one message about a pod, for the binder to act on. `pod` is the API's object, or a reference."""
        metadata = pod.get("metadata", pod)
        reference = {key: metadata[key] for key in ("uid", "namespace", "name")}
        self.say({"type": type, "owner": self._owner, "pod": reference, **fields})

    def bind(self, pod: dict[str, Any], node: str = "node1", job: str = "5.pbs", **fields: Any) -> None:
        self.ask("bind", pod, node=node, job=job, runCount=1, **fields)

    def evict(self, pod: dict[str, Any], message: str = "it has ended", job: str = "5.pbs", **fields: Any) -> None:
        self.ask("evict", pod, job=job, message=message, **fields)

    def report(self, pod: dict[str, Any], message: str, reason: str = "FailedScheduling", job: str | None = "5.pbs",
               unscheduled: bool = True, **fields: Any) -> None:
        self.ask("report", pod, job=job, message=message, reason=reason, warning=True, unscheduled=unscheduled, **fields)

    def say(self, message: Message) -> None:
        """Send a message as it is."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._peer is not None, 10), "no binder has connected"
            assert self._peer is not None
            self._peer.send(message)

    def wait_outcomes(self, count: int, timeout: float = 15.0) -> list[Message]:
        """The first `count` outcomes, when they are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.outcomes) >= count, timeout), \
                f"{len(self.outcomes)} outcomes and not {count} after {timeout} s: {self.outcomes[-3:]}"
            return self.outcomes[:count]

    def answer_to(self, type: str, pod: dict[str, Any], timeout: float = 15.0, **fields: Any) -> Message:
        """Ask, and return the outcome."""
        with self._changed:
            before = len(self.outcomes)
        getattr(self, type)(pod, **fields)
        return self.wait_outcomes(before + 1, timeout)[before]

    def _serve(self) -> None:
        while not self._ends:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(connection=connection)
            peer.hello("pbs-broker", "broker")
            self._ping(peer)
            peer.send({"type": "synced"})
            with self._changed:
                self._peer = peer
                self._changed.notify_all()
            try:
                self._listen(peer)
            except OSError:
                pass
            with self._changed:
                self._peer = None

    def _listen(self, peer: Peer) -> None:
        next_ping = time.monotonic() + 1
        while True:
            try:
                message = peer.receive(max(next_ping - time.monotonic(), 0.001))
            except TimeoutError:
                with self._changed:
                    self._ping(peer)
                next_ping = time.monotonic() + 1
                continue
            if message is None:
                return
            if message["type"] in ("outcome", "claim-outcome"):
                with self._changed:
                    self.outcomes.append(message)
                    self._changed.notify_all()

    @staticmethod
    def _ping(peer: Peer) -> None:
        peer.send({"type": "ping", "ownsUntil": time.clock_gettime(time.CLOCK_BOOTTIME) + 60})
