"""Of many pods that waited together after their kubelet's rejections, one tries first."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.site import Site, pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator, ReplicaSet
from simulators.kubernetes.patch import STRATEGIC_MERGE
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("what its host has is chosen")

REPLICAS = 8
# What the node has room for.
FIT = 2


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": REPLICAS, "mem": "16777216kb"}}) as simulator:
        yield simulator


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """PBS has a place for each pod, and the kubelet of its one host takes two of them."""
    kubernetes = KubernetesSimulator(kubelet=Kubelet(rejects=True))
    kubernetes.create_node("node1", cpu=str(FIT))
    yield from running_site(tmp_path, kubernetes, pbs, configuration="pbs-broker:\n  check-capacity: false\n")


def test_after_a_wait_one_pod_tries_for_all(site: Site) -> None:
    with ReplicaSet(site.kubernetes, "many", pod_manifest("", cpu="1"), replicas=REPLICAS) as replicas:

        def count(phase: str) -> int:
            return sum(pod["status"]["phase"] == phase for pod in replicas.pods())

        def told() -> int:
            return sum("reject" in condition.get("message", "") for pod in replicas.pods() if pod["status"]["phase"] == "Pending"
                       for condition in pod["status"].get("conditions") or [] if condition["type"] == "PodScheduled")

        site.wait(lambda _: len(replicas.made) == REPLICAS)
        site.connector.start()
        # Those that were under way together. The controller has made another in place of each.
        site.wait(lambda _: count("Running") == FIT and told() == REPLICAS - FIT, 60)
        failed = count("Failed")
        assert 1 <= failed <= REPLICAS - FIT
        site.wait(lambda _: count("Failed") > failed, 60)
        # Its successor waits, as do the others.
        site.wait(lambda _: told() == REPLICAS - FIT, 60)
        assert count("Failed") == failed + 1
        # Now there is room for all: the first that is taken opens the way for the others.
        site.kubernetes.request("PATCH", "/api/v1/nodes/node1/status",
                                {"status": {"allocatable": {"cpu": str(REPLICAS)}}}, STRATEGIC_MERGE)
        site.wait(lambda _: count("Running") == REPLICAS, 150)
        assert count("Failed") == failed + 1
