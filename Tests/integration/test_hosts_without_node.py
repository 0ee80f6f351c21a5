"""A PBS that has more hosts than Kubernetes has nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import BRISK, running_site
from integration.site import Site
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

# Seconds that a job keeps its place on a host that is no node, with room-patience below that.
SETTLING = 10


@pytest.fixture
def larger(tmp_path: Path) -> Iterator[Site]:
    """PBS takes a host first that is not in the cluster."""
    hosts: dict[str, dict[str, int | str]] = {name: {"ncpus": 8, "mem": "16gb"} for name in ("batch1", "node1")}
    with PBSSimulator(tmp_path / "pbs", hosts) as pbs:
        sites = running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs, BRISK + "  room-patience: 1\n")
        site = next(sites)
        site.kubernetes.request("DELETE", "/api/v1/nodes/batch1")
        yield site
        sites.close()


def test_a_job_outside_of_the_cluster_gives_its_place_back(larger: Site) -> None:
    site = larger
    site.connector.start()
    pod = site.create("elsewhere")
    site.wait_condition("elsewhere", "PodScheduled", "which is not a node of this cluster")
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    assert job.exec_host.startswith("batch1/")
    # A batch job needs that host, and gets it; the pod's next job is put elsewhere.
    native = site.pbs.submit("native", select="1:ncpus=8:host=batch1").id
    site.pbs.wait_for_state(native, "R", timeout=3 * SETTLING)
    site.wait_condition("elsewhere", "PodScheduled", "PBS chose batch1, which is not a node of this cluster")
    assert site.wait_bound("elsewhere", 6 * SETTLING)["spec"]["nodeName"] == "node1"


def test_a_job_outside_of_the_cluster_is_tried_again_when_its_host_becomes_a_node(larger: Site) -> None:
    site = larger
    site.connector.start()
    pod = site.create("elsewhere")
    site.wait_condition("elsewhere", "PodScheduled", "PBS chose batch1, which is not a node of this cluster", 3 * SETTLING)
    site.wait_jobs(pod["metadata"]["uid"], 0)
    assert len([job for job in site.pbs.jobs.values() if job.pod_uid == pod["metadata"]["uid"]]) <= 2
    site.kubernetes.create_node("batch1")
    assert site.wait_bound("elsewhere", 3 * SETTLING)["spec"]["nodeName"] == "batch1"
