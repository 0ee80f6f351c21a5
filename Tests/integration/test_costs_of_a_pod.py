"""What a pod costs that is bound at once: requests of the API, Events, threads."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.connector import PROGRAMS
from integration.costs import counted
from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("the simulators count, and start jobs at once")

PODS = 40


@pytest.fixture(params=["1.20", "1.36"])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def release_site(release: str, tmp_path: Path) -> Iterator[Site]:
    kubernetes = KubernetesSimulator(version=release)
    kubernetes.create_node("node1")
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 1000, "mem": "1000gb"}}) as pbs:
        yield from running_site(tmp_path, kubernetes, pbs, configuration="pbs-broker:\n  connections-per-minute: 100000\n")


def test_a_pod_is_one_binding_and_few_words(release: str, release_site: Site) -> None:
    site = release_site
    site.connector.start()
    with counted(site) as costs:
        for index in range(PODS):
            site.create(f"pod-{index}")
        for index in range(PODS):
            site.wait_bound(f"pod-{index}")
        site.wait(lambda kubernetes: sum(event["reason"] == "Scheduled" for event in kubernetes.events()) == PODS, 60)
    assert costs.requests["create", "pods/binding"] == PODS, str(costs)
    # A server that compares the UID itself, and has policies, is not asked for the pod before.
    assert costs.requests["get", "pods"] == (PODS if release == "1.20" else 0), str(costs)
    assert max(costs.new_events.values()) <= 2, str(costs)
    assert costs.repeated_events.total() == 0, str(costs)


def test_each_process_does_all_on_one_thread(release_site: Site) -> None:
    site = release_site
    site.connector.start()
    for index in range(PODS):
        site.create(f"pod-{index}")
    for index in range(PODS):
        site.wait_bound(f"pod-{index}")
    for program in PROGRAMS:
        tasks = Path(f"/proc/{site.connector[program].pid}/task")
        assert len(list(tasks.iterdir())) == 1, f"{program} has used Swift's thread pool"
