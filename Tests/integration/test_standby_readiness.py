"""The host that stands by is ready as well: else its pod would never be, and its services would start for ever."""

from __future__ import annotations

import pytest

from integration.monitoring import get, wait_ready
from integration.site import Site
from integration.test_leadership import BROKERS, NAMESPACE, TAKEOVER, WATCHERS


@pytest.mark.simulated_pbs("PBS plays no part")
def test_a_host_that_stands_by_is_ready_and_so_is_the_one_that_takes_over(site: Site) -> None:
    connector = site.connector
    (connector.directory / "config.yaml").write_text(connector.configuration + f"kube-watcher:\n  lease-namespace: {NAMESPACE}\n")

    def place(name: str) -> str:
        return str(connector.socket("metrics-of-" + name))

    def start(watcher: str, broker: str) -> None:
        connector.start_process("kube-watcher", watcher, options=["--leader-elect", "--metrics-address", place(watcher)])
        connector.start_process("pbs-broker", broker, watcher=watcher, options=["--metrics-address", place(broker)])
        connector[watcher].wait_for_log("serves /metrics")
        connector[broker].wait_for_log("serves /metrics")
        connector.start_process("binder", f"binder-of-{broker}", brokers=[broker])

    start(WATCHERS[0], BROKERS[0])
    wait_ready(place(BROKERS[0]), timeout=TAKEOVER * 2)
    start(WATCHERS[1], BROKERS[1])
    connector[WATCHERS[1]].wait_for_log("stands by while watcher-1 leads", TAKEOVER)
    for name in (WATCHERS[1], BROKERS[1]):
        assert "[-]" not in wait_ready(place(name), timeout=TAKEOVER)
    connector[WATCHERS[0]].kill()
    wait_ready(place(BROKERS[0]), status=503, text="kube-watcher: not connected")
    connector[WATCHERS[1]].wait_for_log("leads, by lease", TAKEOVER * 2)
    site.create("redis")
    site.wait_bound("redis", timeout=TAKEOVER * 2)
    assert get(place(BROKERS[1]), "/readyz")[0] == 200


@pytest.mark.simulated_pbs("PBS plays no part")
def test_who_knows_of_no_leader_is_not_ready(site: Site) -> None:
    """The API does not answer from the start: to stand by would be to wait for nobody."""
    connector = site.connector
    (connector.directory / "config.yaml").write_text(connector.configuration + f"kube-watcher:\n  lease-namespace: {NAMESPACE}\n")
    place = str(connector.socket("metrics"))
    site.kubernetes.stop()
    connector.start_process("kube-watcher", options=["--leader-elect", "--metrics-address", place])
    connector["kube-watcher"].wait_for_log("serves /metrics")
    wait_ready(place, status=503, text="neither this process leads nor is another known to")
    site.kubernetes.start()
    connector.start_process("pbs-broker")
    wait_ready(place, timeout=TAKEOVER * 2)
