"""What is wrong between PBS's hosts and their nodes, while it lasts: a metric, and Events on the nodes. And pods that
may take longer to end than PBS lets them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.conftest import running_site
from integration.monitoring import value, wait_for
from integration.site import Site
from integration.test_metrics import place
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("what PBS has is wrong on purpose")

HOSTS = {"node1": {"ncpus": 8, "mem": "8388608kb"}, "node2": {"ncpus": 2, "mem": "8388608kb"}}


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", HOSTS) as simulator:
        yield simulator


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    kubernetes = KubernetesSimulator()
    for name in HOSTS:
        kubernetes.create_node(name, cpu="2", memory="8Gi")
    yield from running_site(tmp_path, kubernetes, pbs)


def node_events(site: Site) -> list[Any]:
    return [event for event in site.kubernetes.events("default") if event["involvedObject"]["kind"] == "Node"]


def test_a_host_that_differs_is_a_metric_and_an_event_on_its_node(site: Site) -> None:
    for program in ("kube-watcher", "binder"):
        site.connector.start_process(program)
    address = place(site.connector, "pbs-broker")
    site.connector.start_process("pbs-broker", options=["--metrics-address", address])
    site.connector["pbs-broker"].wait_for_log("serves /metrics", 30)
    wait_for(address, lambda found: value(
        found, "pbs_connector_host_findings", host="node1", finding="cpus", severity="wrong") == 1)
    # Whether the broker has looked before a binder was there or after that.
    site.wait(lambda _: node_events(site), 60)
    time.sleep(1)
    (event,) = node_events(site)
    node = next(each for each in site.kubernetes.nodes() if each["metadata"]["name"] == "node1")
    assert event["involvedObject"] == {"kind": "Node", "name": "node1", "uid": node["metadata"]["uid"], "apiVersion": "v1"}
    assert (event["reason"], event["type"], event["metadata"]["namespace"]) == ("HostDiffers", "Warning", "default")
    assert event["message"] == ("PBS host node1: ncpus is 8, and its node has 2 cpu for jobs; "
                                "qmgr -c 'set node node1 resources_available.ncpus = 2'")
    assert event["source"] == {"component": "pbs-connector"}


def test_a_pod_with_more_time_to_end_than_its_queue_gives_is_told_so_once(site: Site) -> None:
    site.connector.start()
    # The queues are known some moments after the hosts.
    site.connector["pbs-broker"].wait_for_log("ncpus is 8", 30)
    time.sleep(1)
    site.create("patient", terminationGracePeriodSeconds=120)
    site.create("ordinary", terminationGracePeriodSeconds=30)
    site.wait_bound("patient", 30)
    site.wait_bound("ordinary", 30)
    event = site.wait_event("patient", "GracePeriodTooLong", timeout=30)
    assert event["type"] == "Warning"
    assert event["message"] == ("its grace period of 120 s is longer than kill_delay of queue workq, 10 s: when PBS ends its job, "
                                "PBS may give its place to others before it has ended")
    # Nor does a new broker say it again.
    site.connector.restart("pbs-broker")
    site.connector["pbs-broker"].wait_for_log("ncpus is 8", 30)
    time.sleep(1)
    assert [each.get("count", 1) for each in site.events_of("patient", "GracePeriodTooLong")] == [1]
    assert site.events_of("ordinary", "GracePeriodTooLong") == []
