"""Bindings that the API server refuses for the pod's own sake."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import BRISK, running_site
from integration.site import Site
from simulators.kubernetes import Fault, Kubelet, KubernetesSimulator
from simulators.kubernetes.faults import Status
from simulators.pbs import PBSSimulator

# Seconds that the job of such a pod keeps its place, with room-patience below that.
SETTLING = 10
BINDING = r"POST .*/pods/victim/binding"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """A site with one host, on which two pods of the tests have no room together."""
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 8, "mem": "16gb"}}) as pbs:
        yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs, BRISK + "  room-patience: 1\n")


def test_a_pod_that_may_not_be_bound_says_so_and_gives_its_place_back(small: Site) -> None:
    site = small
    fault = site.kubernetes.faults.add(Fault(BINDING, Status(422)))
    site.connector.start()
    pod = site.create("victim", cpu="6")
    said = site.wait_condition("victim", "PodScheduled", "its pod cannot be bound: 422")
    assert said["reason"] == "Unschedulable"
    site.wait_event("victim", "FailedScheduling", "its pod cannot be bound: 422")
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    # What it holds in vain is others' after a while.
    site.create("next", cpu="6")
    assert site.wait_bound("next", 4 * SETTLING)["spec"]["nodeName"] == "node1"
    assert not site.pbs.job(job.id).live
    tries = fault.hits
    assert 2 <= tries <= 8
    # The policy is mended, and there is room again.
    site.kubernetes.faults.remove(fault)
    site.kubernetes.delete_pod("default", "next", grace_period_seconds=0)
    site.wait_bound("victim", 6 * SETTLING)


def test_a_pod_that_may_be_bound_after_all_keeps_its_job(small: Site) -> None:
    site = small
    fault = site.kubernetes.faults.add(Fault(BINDING, Status(422), count=2))
    site.connector.start()
    pod = site.create("victim")
    site.wait_condition("victim", "PodScheduled", "its pod cannot be bound: 422")
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    site.wait_bound("victim", 3 * SETTLING)
    assert fault.hits == 2
    assert site.job_id_of("victim") == job.id
