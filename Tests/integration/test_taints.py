"""Taints that a pod does not tolerate keep it off those hosts: before its job is submitted, and after PBS's choice."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.conftest import BRISK, running_site
from integration.site import Site
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

MERGE = "application/merge-patch+json"
KEY = "example.org/dedicated"
TAINT = {"key": KEY, "value": "lab", "effect": "NoSchedule"}
TOLERATION = {"key": KEY, "operator": "Equal", "value": "lab", "effect": "NoSchedule"}


def taint(site: Site, node: str, *taints: dict[str, Any]) -> None:
    site.kubernetes.request("PATCH", f"/api/v1/nodes/{node}", {"spec": {"taints": list(taints) or None}}, MERGE)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Site]:
    """A site with three hosts, of which PBS takes node1 first."""
    hosts: dict[str, dict[str, int | str]] = {
        name: {"ncpus": 8, "mem": "16gb", "dedicated": "lab" if name == "node1" else "none"} for name in ("node1", "node2", "node3")}
    with PBSSimulator(tmp_path / "pbs", hosts) as pbs:
        yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs)


def configure(site: Site, more: str) -> None:
    (site.connector.directory / "config.yaml").write_text(BRISK + more)


@pytest.mark.simulated_pbs("needs three hosts, of which PBS takes a certain one first")
def test_the_only_host_without_a_taint_is_asked_for(site: Site) -> None:
    taint(site, "node1", TAINT)
    site.connector.start()
    site.create("plain")
    site.create("tolerates", tolerations=[TOLERATION])
    assert site.wait_bound("plain")["spec"]["nodeName"] == "node2"
    site.wait_bound("tolerates")
    selects = {job.name: str(job.request) for job in site.pbs.jobs.values()}
    assert "node2" in selects["plain"] and "node2" not in selects["tolerates"]


@pytest.mark.simulated_pbs("needs three hosts, of which PBS takes a certain one first")
def test_a_pod_does_not_go_to_a_cordoned_node(site: Site) -> None:
    """No controller writes the taint here."""
    cordoned = {"spec": {"unschedulable": True}}
    site.kubernetes.request("PATCH", "/api/v1/nodes/node1", cordoned, MERGE)
    site.connector.start()
    site.create("plain")
    assert site.wait_bound("plain")["spec"]["nodeName"] == "node2"


@pytest.mark.simulated_pbs("all hosts of a PBS of its own")
def test_a_pod_waits_while_each_host_has_a_taint(site: Site) -> None:
    for node in ("node1", "node2"):
        taint(site, node, TAINT)
    site.connector.start()
    pod = site.create("waits")
    site.wait_condition("waits", "PodScheduled", f"node2: {KEY}=lab:NoSchedule")
    assert not site.jobs_of(pod["metadata"]["uid"])
    taint(site, "node2")
    assert site.wait_bound("waits")["spec"]["nodeName"] == "node2"


def test_a_job_on_a_host_with_a_taint_is_released_and_tried_again_seldom(three: Site) -> None:
    site = three
    taint(site, "node1", {**TAINT, "effect": "NoExecute"})
    site.connector.start()
    pod = site.create("elsewhere")
    site.wait_condition("elsewhere", "PodScheduled", f"PBS chose node1, which has the taint {KEY}=lab:NoExecute")
    time.sleep(12)
    jobs = [job for job in site.pbs.jobs.values() if job.pod_uid == pod["metadata"]["uid"]]
    assert 1 <= len(jobs) <= 3
    assert site.node_of("elsewhere") is None
    # The taint goes, and with it the wait.
    taint(site, "node1")
    assert site.wait_bound("elsewhere", 10)["spec"]["nodeName"] == "node1"


def test_a_resource_of_pbs_stands_for_a_taint(three: Site) -> None:
    site = three
    configure(site, f"  taint-resources: {{{KEY}: dedicated=none}}\n")
    taint(site, "node1", TAINT)
    site.connector.start()
    site.create("plain")
    assert site.wait_bound("plain")["spec"]["nodeName"] in ("node2", "node3")
    assert len(site.pbs.jobs) == 1
    site.create("tolerates", tolerations=[TOLERATION])
    assert site.wait_bound("tolerates")["spec"]["nodeName"] == "node1"


def test_a_taint_that_the_site_ignores_keeps_nobody_off(three: Site) -> None:
    site = three
    for name in ("node1", "node2", "node3"):
        taint(site, name, TAINT)
    configure(site, f"  ignore-taints: [{KEY}]\n")
    site.connector.start()
    site.create("plain")
    site.wait_bound("plain")


@pytest.mark.simulated_pbs("its calls are counted")
def test_jobs_that_wait_are_not_altered_since_one_host_is_left(site: Site) -> None:
    def select(name: str) -> str:
        return " ".join(str(job.request) for job in site.pbs.jobs.values() if job.name == name)

    def alterations() -> int:
        return sum(call.program == "qalter" for call in site.pbs.calls())

    site.pbs.set_scheduling(False)
    taint(site, "node1", TAINT)
    site.connector.start()
    early = site.create("early")
    site.wait_jobs(early["metadata"]["uid"], 1)
    # Whoever is submitted now asks for the only host that is left, and is freed when it is not the only one.
    assert "node2" in select("early")
    taint(site, "node1")
    site.pbs.wait(lambda _: "node2" not in select("early"), 30, "the alteration")
    late = site.create("late")
    site.wait_jobs(late["metadata"]["uid"], 1)
    assert "node2" not in select("late")
    taint(site, "node1", TAINT)
    for index in range(30):
        probe = site.create(f"probe-{index}")
        site.wait_jobs(probe["metadata"]["uid"], 1)
        if "node2" in select(f"probe-{index}"):
            break
    assert "node2" in select(f"probe-{index}"), "the taint is known"
    assert "node2" not in select("early") + select("late") and alterations() == 1
    taint(site, "node1")
    site.pbs.set_scheduling(True)
    for name in ("early", "late"):
        site.wait_bound(name)


def test_pods_without_an_owner_share_the_wait_for_a_place(three: Site) -> None:
    site = three
    taint(site, "node1", TAINT)
    site.connector.start()
    site.create("first")
    words = f"PBS chose node1, which has the taint {KEY}=lab:NoSchedule"
    site.wait_condition("first", "PodScheduled", words)
    count = len(site.pbs.jobs)
    for index in range(5):
        site.create(f"later-{index}")
    for index in range(5):
        site.wait_condition(f"later-{index}", "PodScheduled", words)
    # One who asks for something else is no case for it.
    site.create("tolerates", tolerations=[TOLERATION])
    site.wait_bound("tolerates")
    # At most the first one has been tried once more meanwhile.
    assert len(site.pbs.jobs) <= count + 2
    taint(site, "node1")
    for name in ("first", *(f"later-{index}" for index in range(5))):
        site.wait_bound(name, 20)


def test_a_reload_that_ignores_the_taint_ends_the_wait(three: Site) -> None:
    site = three
    taint(site, "node1", TAINT)
    site.connector.start()
    site.create("plain")
    site.wait_condition("plain", "PodScheduled", "PBS chose node1")
    configure(site, f"  ignore-taints: [{KEY}]\n")
    site.connector["pbs-broker"].signal(signal.SIGHUP)
    site.connector["pbs-broker"].wait_for_log("changed are ignore-taints")
    assert site.wait_bound("plain", 10)["spec"]["nodeName"] == "node1"
