"""Leadership ends in time, however slowly the API server answers, and whenever the process is stopped."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterator

import pytest

from integration.connector import Connector, RunningProcess
from integration.peer import Peer
from simulators.kubernetes import KubernetesSimulator
from simulators.kubernetes.faults import Delay, Fault

LEASE = "/leases/pbs-connector-kube-watcher"


@pytest.fixture
def kubernetes() -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator() as kubernetes:
        yield kubernetes


@pytest.fixture
def connector(kubernetes: KubernetesSimulator, tmp_path: Path) -> Iterator[Connector]:
    kubeconfig = tmp_path / "kubeconfig"
    kubernetes.write_kubeconfig(kubeconfig)
    connector = Connector(tmp_path, {"kube-watcher": kubeconfig}, tmp_path, watcher_options=["--leader-elect"],
                          configuration="kube-watcher:\n  lease-namespace: kube-system\n")
    try:
        yield connector
    finally:
        print(connector.logs())
        connector.close()


def leading(connector: Connector) -> RunningProcess:
    watcher = connector.start_process("kube-watcher")
    watcher.wait_for_log("leads, by lease")
    return watcher


def last_renewal(kubernetes: KubernetesSimulator) -> float:
    """When the last renewal was answered, which is after it began."""
    return max(entry.monotonic for entry in list(kubernetes.requests.entries)
               if entry.resource == "leases" and entry.verb in ("create", "update") and entry.status in (200, 201))


def until_goodbye(peer: Peer, seconds: float) -> tuple[float, float]:
    """The last moment up to which anything was given to own, and when the goodbye came."""
    owned, deadline = 0.0, time.monotonic() + seconds
    while True:
        message = peer.receive(max(deadline - time.monotonic(), 0.001))
        assert message is not None, "closed without a goodbye"
        if message["type"] == "goodbye":
            return owned, time.monotonic()
        if message["type"] == "ping":
            owned = max(owned, message["ownsUntil"])
            # The goodbye may be behind the ping already, and the connection closed.
            with suppress(BrokenPipeError):
                peer.send({"type": "pong"})


def test_leadership_is_given_up_in_time_when_each_answer_is_slow(kubernetes: KubernetesSimulator, connector: Connector) -> None:
    watcher = leading(connector)
    with Peer(connector.socket("kube-watcher")) as peer:
        peer.hello("pbs-broker")
        peer.until("synced")
        kubernetes.faults.add(Fault(LEASE, Delay(6)))
        renewed = last_renewal(kubernetes)
        owned, left = until_goodbye(peer, 30)
    watcher.wait_for_log("no longer leads")
    # 10 s, and what a busy machine is late; another may lead after 15 s.
    assert left - renewed < 14
    assert owned <= renewed + 10


def test_a_leader_that_is_woken_gives_nothing_before_it_notices(kubernetes: KubernetesSimulator, connector: Connector) -> None:
    watcher = leading(connector)
    with Peer(connector.socket("kube-watcher")) as peer:
        peer.hello("pbs-broker")
        peer.until("synced")
        watcher.signal(signal.SIGSTOP)
        renewed = last_renewal(kubernetes)
        # Past the deadline: what comes first when it is woken is up to the loop.
        time.sleep(max(renewed + 10.5 - time.monotonic(), 0))
        woken = time.monotonic()
        watcher.signal(signal.SIGCONT)
        owned, _ = until_goodbye(peer, 10)
    assert owned <= renewed + 10 < woken
