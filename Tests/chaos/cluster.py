"""The Kubernetes of a run: a simulated one here, a real one in `real_cluster`."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from simulators.kubernetes import Entry, Kubelet, KubernetesSimulator, Tokens
from simulators.pbs.timers import Timers

from .api import API
from .disturbances import Kind
from .downtime import Downtime
from .lasting import Lasting
from .simulated_api_faults import SimulatedAPIFaults

# Where the Lease of kube-watchers is.
NAMESPACE = "pbs-connector"


class APIFaults(Protocol):
    """`struck` counts what a fault has met."""

    @property
    def struck(self) -> int:
        """How many requests, or connections."""

    def kinds(self) -> list[Kind]:
        """What can happen to the API server."""


class Cluster(ABC):
    """`name` is for the report. `users` are the connector's users of the API, `record_late` is by how many seconds at
    most the record says of a pod what happened, too late, `watch_silence` what kube-watcher is to be set to."""

    name: str
    watch_silence: int
    users: Collection[str]
    record_late: float

    @property
    @abstractmethod
    def api(self) -> API:
        """The API, for what is not the connector."""

    @abstractmethod
    def begin(self, nodes: Sequence[str]) -> None:
        """Starts it, with these nodes."""

    @abstractmethod
    def end(self) -> None:
        """Ends it, whatever state it is in."""

    @abstractmethod
    def write_kubeconfig(self, path: Path, program: str) -> None:
        """The credential of kube-watcher or binder."""

    @abstractmethod
    def faults(self, timers: Timers, lasting: Lasting, downtime: Downtime) -> APIFaults:
        """What can happen to it."""

    def check(self) -> None:
        """Raises what has gone wrong in the cluster's own machinery."""

    @abstractmethod
    def evidence(self) -> list[Entry]:
        """What happened to the pods, and who did it."""


class SimulatedCluster(Cluster):
    """Everything in it happens at once, and is recorded as it happens."""

    watch_silence = 5
    users = ("binder", "kube-watcher")
    record_late = 0.0

    _TOKENS: Tokens = {"token-of-kube-watcher": "kube-watcher", "token-of-binder": "binder",
                       "token-of-administrator": ("administrator", ["system:masters"])}

    def __init__(self, seed: int, release: str) -> None:
        self.name = f"simulated Kubernetes {release}"
        self._simulator = KubernetesSimulator(
            release, kubelet=Kubelet(start_delay=0.1, stop_delay=0.3), tokens=self._TOKENS, bookmark_interval=2,
            source=random.Random(f"kubernetes {seed}"))

    @property
    def api(self) -> API:
        return self._simulator

    def begin(self, nodes: Sequence[str]) -> None:
        self._simulator.start()
        self._simulator.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for node in nodes:
            self._simulator.create_node(node)

    def end(self) -> None:
        self._simulator.stop()

    def write_kubeconfig(self, path: Path, program: str) -> None:
        self._simulator.write_kubeconfig(path, token=f"token-of-{program}")

    def faults(self, timers: Timers, lasting: Lasting, downtime: Downtime) -> APIFaults:
        return SimulatedAPIFaults(self._simulator, lasting, downtime)

    def evidence(self) -> list[Entry]:
        return self._simulator.record
