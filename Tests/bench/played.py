"""kube-watcher and binder as pbs-broker sees them, played by threads: many pods, no Kubernetes."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Iterator

from integration.peer import Message, Peer, frame

SPACE = uuid.UUID("6f0c5b1e-0000-4000-8000-000000000000")
CLUSTER: Message = {"type": "cluster", "cluster": {"id": "bench", "schedulerNames": ["pbs"], "claims": False}}


def pod(number: int, node: str | None = None, job: str | None = None) -> dict[str, Any]:
    """A pod as kube-watcher tells of it, of the shape that most have."""
    metadata: dict[str, Any] = {
        "name": f"pod-{number}", "namespace": "default", "uid": str(uuid.uuid5(SPACE, str(number))),
        "resourceVersion": str(1000 + number), "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    toleration = {"operator": "Exists", "effect": "NoExecute"}
    spec: dict[str, Any] = {
        "schedulerName": "pbs", "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "main", "resources": {"requests": {"cpu": "10m", "memory": "1Mi"}}}],
        "tolerations": [{"key": f"node.kubernetes.io/{key}", **toleration} for key in ("not-ready", "unreachable")]}
    status: dict[str, Any] = {"phase": "Pending"}
    if node is not None:
        spec["nodeName"] = node
        metadata["annotations"] = {"pbs-connector/job-id": job, "pbs-connector/run-count": "1"}
        status["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    return {"metadata": metadata, "spec": spec, "status": status}


def _node(name: str) -> Message:
    return {"type": "node", "node": {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                                     "status": {"conditions": [{"type": "Ready", "status": "True"}],
                                                "allocatable": {"cpu": "1000000", "memory": "1000000000000Ki", "pods": "1000000"}}}}


class PlayedWatcher:
    """Serves one broker at `path`: pods that wait at first, whose number is `count`."""

    def __init__(self, path: Path, count: int) -> None:
        self.pods = [pod(number) for number in range(count)]
        self._by_uid = {pod["metadata"]["uid"]: number for number, pod in enumerate(self.pods)}
        self._lock = threading.Lock()
        self._peer: Peer | None = None
        self._owner = "pbs-broker"
        self._frames = [frame(self._message(pod)) for pod in self.pods]
        self.bound = 0
        # Pings since the connection began, and which of them came after the snapshot.
        self._pings = 0
        self._last_ping = 1 << 30
        # Seconds from a connection to the broker's answer to the ping after the snapshot: it has taken in all of it.
        self.snapshot_seconds: float | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        for target in (self._serve, self._ping):
            threading.Thread(target=target, daemon=True, name="played kube-watcher").start()

    def say(self, *messages: Message) -> None:
        self._send(b"".join(frame(message) for message in messages))

    def _send(self, octets: bytes) -> None:
        with self._lock:
            if self._peer is not None:
                self._pings += octets.count(b'"ping"')
                self._peer.socket.sendall(octets)

    def show_bound(self, uids: list[tuple[str, str, str]]) -> None:
        """These pods (their UIDs, nodes and jobs) are bound."""
        told = b""
        for uid, node, job in uids:
            number = self._by_uid[uid]
            if "nodeName" not in self.pods[number]["spec"]:
                self.bound += 1
            self.pods[number] = pod(number, node, job)
            self._frames[number] = frame(self._message(self.pods[number]))
            told += self._frames[number]
        self._send(told)

    def delete_all(self) -> None:
        """All pods are gone."""
        for pod in self.pods:
            reference = {key: pod["metadata"][key] for key in ("uid", "namespace", "name")}
            self.say({"type": "pod-gone", "owner": self._owner, "pod": reference, "deleted": True})

    def close(self) -> None:
        self._listener.close()

    def _message(self, pod: dict[str, Any]) -> Message:
        return {"owner": self._owner, "type": "pod", "pod": pod}

    def _owns_until(self) -> Message:
        return {"type": "ping", "ownsUntil": time.clock_gettime(time.CLOCK_BOOTTIME) + 100}

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                self._tell(connection)

    def _tell(self, connection: socket.socket) -> None:
        peer = Peer(connection=connection)
        peer.hello("kube-watcher", "kube-watcher")
        peer.until("hello", 60)
        began = time.monotonic()
        with self._lock:
            self._peer, self._pings, self._last_ping = peer, 0, 1 << 30
        # What it answers is read meanwhile.
        threading.Thread(target=self._listen, args=(connection, began), daemon=True, name="pongs").start()
        self.say(self._owns_until(), CLUSTER, _node("node1"), _node("node2"))
        for start in range(0, len(self._frames), 100):
            self._send(b"".join(self._frames[start:start + 100]))
        self.say({"type": "synced"})
        with self._lock:
            self._last_ping = self._pings + 1
        self.say(self._owns_until())

    def _listen(self, connection: socket.socket, began: float) -> None:
        pongs = 0
        with contextlib.suppress(OSError):
            while octets := connection.recv(1 << 16):
                pongs += octets.count(b'"pong"')
                if self.snapshot_seconds is None and pongs >= self._last_ping:
                    self.snapshot_seconds = time.monotonic() - began

    def _ping(self) -> None:
        while True:
            time.sleep(1)
            with contextlib.suppress(OSError):
                self.say(self._owns_until())


class PlayedBinder:
    """Binds what the broker at `path` asks for, as kube-watcher then shows."""

    def __init__(self, path: Path, watcher: PlayedWatcher) -> None:
        self._path = path
        self._watcher = watcher
        self.frames: dict[str, int] = {}
        threading.Thread(target=self._run, daemon=True, name="played binder").start()

    def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(str(self._path))
                connection.sendall(frame({"type": "hello", "protocol": 1, "role": "binder", "instance": "binder"}))
                rest = b""
                while piece := connection.recv(1 << 18):
                    *lines, rest = (rest + piece).split(b"\n")
                    self._answer(connection, [json.loads(line[line.index(b" "):]) for line in lines])
            time.sleep(0.05)

    def _answer(self, connection: socket.socket, messages: list[Message]) -> None:
        answers: list[Message] = []
        bound: list[tuple[str, str, str]] = []
        for message in messages:
            kind = message["type"]
            self.frames[kind] = self.frames.get(kind, 0) + 1
            if kind == "ping":
                answers.append({"type": "pong"})
            elif kind in ("bind", "report", "evict"):
                result = {"bind": "bound", "report": "reported", "evict": "deleted"}[kind]
                answers.append({"type": "outcome", "pod": message["pod"], "id": message["id"], "request": kind,
                                "job": message.get("job"), "result": result})
            if kind == "bind":
                bound.append((message["pod"]["uid"], message["node"], message["job"]))
        if bound:
            self._watcher.show_bound(bound)
        if answers:
            connection.sendall(b"".join(frame(answer) for answer in answers))


@contextlib.contextmanager
def played(watcher_socket: Path, broker_socket: Path, count: int) -> Iterator[tuple[PlayedWatcher, PlayedBinder]]:
    """Both, for so many pods."""
    watcher = PlayedWatcher(watcher_socket, count)
    try:
        yield watcher, PlayedBinder(broker_socket, watcher)
    finally:
        watcher.close()
