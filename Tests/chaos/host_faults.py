"""Hosts that go down, for PBS, for Kubernetes, or for both."""

from __future__ import annotations

import random
from collections.abc import Sequence

from simulators.pbs import PBSSimulator
from simulators.pbs.timers import Timers

from .api import API
from .disturbances import Kind
from .downtime import Downtime
from .lasting import Lasting

# Seconds after which a kubelet tries again while the API server is away.
_RETRY_SECONDS = 0.2


def pbs_down(host: str) -> str:
    """What Downtime calls a host that PBS calls down."""
    return f"host {host}"


def kubelet_down(node: str) -> str:
    """What Downtime calls a node that is NotReady, and whose kubelet does nothing."""
    return f"node {node}"


class HostFaults:
    """`down` are the hosts that PBS calls down now."""

    def __init__(self, hosts: Sequence[str], kubernetes: API, pbs: PBSSimulator, timers: Timers, lasting: Lasting,
                 downtime: Downtime) -> None:
        self._hosts = hosts
        self._kubernetes = kubernetes
        self._pbs = pbs
        self._timers = timers
        self._lasting = lasting
        self._downtime = downtime
        self.down: set[str] = set()

    def kinds(self) -> list[Kind]:
        return [Kind(4, "host down", self._host_down), Kind(4, "node not ready", self._node_not_ready),
                Kind(4, "host dies", self._host_dies)]

    def _host_down(self, dice: random.Random) -> str | None:
        host, seconds = dice.choice(self._hosts), dice.uniform(0.5, 8)
        return f"host {host} is down for PBS, for {seconds:.1f} s" if self._takes_down(host, seconds) else None

    def _node_not_ready(self, dice: random.Random) -> str | None:
        host, seconds = dice.choice(self._hosts), dice.uniform(0.5, 12)
        return f"node {host} is NotReady, for {seconds:.1f} s" if self._silences(host, seconds) else None

    def _host_dies(self, dice: random.Random) -> str | None:
        host, seconds = dice.choice(self._hosts), dice.uniform(0.5, 12)
        down, silent = self._takes_down(host, seconds), self._silences(host, seconds)
        return f"host {host} is dead, for {seconds:.1f} s" if down or silent else None

    def _takes_down(self, host: str, seconds: float) -> bool:
        def begin() -> None:
            self.down.add(host)
            self._pbs.host_down(host)

        def end() -> None:
            self.down.discard(host)
            self._pbs.host_up(host)

        return (not self._downtime.is_down("pbs")
                and self._downtime.lasts(pbs_down(host), seconds, self._lasting, begin, end))

    def _silences(self, node: str, seconds: float) -> bool:
        name = kubelet_down(node)
        if self._downtime.is_down("kubernetes") or self._downtime.is_down(name):
            return False

        def end() -> None:
            if self._downtime.is_down("kubernetes"):
                self._timers.after(_RETRY_SECONDS, end)
            else:
                self._kubernetes.set_node_ready(node, True)
                self._downtime.ends(name)

        self._downtime.begins(name)
        self._kubernetes.set_node_ready(node, False)
        self._lasting.lasts(seconds, end)
        return True
