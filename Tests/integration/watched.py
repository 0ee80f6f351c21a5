"""A kube-watcher alone on a simulated API, and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.connector import Connector
from integration.peer import Message, Peer
from simulators.kubernetes import KubernetesSimulator

# In a request for pods of ours; other pods are listed and watched besides.
OURS = "spec.schedulerName%3Dpbs"
CONFIGURATION = "kube-watcher:\n  check-interval: 1\n"


class Watched:
    """A simulated API and a kube-watcher alone, whose socket the test reads."""

    def __init__(self, folder: Path, kubernetes: KubernetesSimulator) -> None:
        self.kubernetes = kubernetes
        kubeconfig = folder / "kubeconfig"
        kubernetes.write_kubeconfig(kubeconfig)
        self.connector = Connector(folder, {"kube-watcher": kubeconfig}, folder, configuration=CONFIGURATION)

    def configure(self, lines: str) -> None:
        self.connector.configuration += lines
        self.connector.__post_init__()

    def start(self) -> Any:
        return self.connector.start_process("kube-watcher")

    def subscribe(self) -> Peer:
        peer = Peer(self.connector.socket("kube-watcher"))
        peer.hello("pbs-broker")
        return peer

    def log(self, text: str, timeout: float = 15.0, after: int = 0) -> str:
        return self.connector["kube-watcher"].wait_for_log(text, timeout, after)

    def listings(self, path: str) -> list[str]:
        """The targets of the requests for lists of this path; not among them are looks at versions, and other pods."""
        return [entry.target for entry in list(self.kubernetes.requests.entries)
                if entry.verb == "list" and entry.target.startswith(path + "?") and "limit=500" in entry.target and (entry.resource != "pods" or OURS in entry.target)]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with KubernetesSimulator() as kubernetes:
        kubernetes.create_node("node1")
        watched = Watched(tmp_path, kubernetes)
        try:
            yield watched
        finally:
            print(watched.connector.logs())
            watched.connector.close()


def connect(watched: Watched) -> Peer:
    watched.log("watches the cluster")
    return watched.subscribe()


def pods(messages: list[Message]) -> set[str]:
    return {message["pod"]["metadata"]["name"] for message in messages if message["type"] == "pod"}


def next_of(peer: Peer, kind: str, timeout: float = 15.0) -> Message:
    return peer.until(kind, timeout)[-1]
