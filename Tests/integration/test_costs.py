"""What waiting and trouble cost: connections of PBS, writes to the API, pods and deletions, counted over a while.

All settings are the connector's own, save that PBS's connections have no limit where that would hide what
is tested. Limits here are for the whole site.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Iterator

import pytest

from integration.backend import by_library
from integration.conftest import running_site
from integration.costs import Costs, counted
from integration.site import Site, pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator, ReplicaSet
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("the simulator counts what each call costs a PBS")

# PBS's cpus, all on one host.
CPUS = 16
WAITING = 100
# Seconds over which is counted.
WINDOW = 20.0
# Connections of PBS in a minute while pods wait and nothing else; a host has reserved ports for 500.
CONNECTIONS = 120
# Patches of status and Events in a minute, of all pods, while only the numbers in PBS's comments change.
TOLD = 25
# Pods of one owner in WINDOW whose kubelet rejects each.
REJECTED = 6
DELETED = 300
# Attempts in WINDOW at one deletion that fails each time.
ATTEMPTS = 5


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    """Sums of free cpus, and with them PBS's comments, are of one host."""
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": CPUS, "mem": "16777216kb"}}) as simulator:
        yield simulator


@pytest.fixture
def unlimited_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """What is counted on it is what the broker asks for, not what the limit of connections lets through."""
    yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs,
                            configuration="pbs-broker:\n  connections-per-minute: 100000\n")


@pytest.fixture
def rejecting_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """The node has a tenth of a cpu less than PBS thinks, and its kubelet rejects what does not fit."""
    kubernetes = KubernetesSimulator(kubelet=Kubelet(rejects=True))
    kubernetes.create_node("node1", cpu=f"{1000 * CPUS - 100}m")
    yield from running_site(tmp_path, kubernetes, pbs, configuration="pbs-broker:\n  check-capacity: false\n")


def per_minute(count: int, costs: Costs) -> float:
    return count * 60 / costs.seconds


def comments(pbs: PBSSimulator) -> set[str]:
    """What PBS says of the jobs that wait."""
    with pbs.lock:
        found = {pbs.server.comment(job) for job in pbs.jobs.values() if job.state == "Q"}
    return {comment for comment in found if comment}


def wait_until_told(site: Site, text: str) -> None:
    """Wait until every pod has said why it waits, in its condition and by an Event."""
    def told(_: object) -> bool:
        conditions = [condition for pod in site.kubernetes.pods() for condition in pod["status"].get("conditions") or []
                      if condition["type"] == "PodScheduled" and text in condition.get("message", "")]
        events = {event["involvedObject"]["name"] for event in site.kubernetes.events() if text in event["message"]}
        return len(conditions) == len(events) == WAITING

    site.wait(told, 60)


def test_what_pbs_is_asked_does_not_grow_with_the_pods_that_wait(unlimited_site: Site) -> None:
    site = unlimited_site
    site.connector.start()
    for index in range(WAITING):
        site.create(f"waits-{index}", cpu="1000")
    wait_until_told(site, "Insufficient amount of resource: ncpus")
    with counted(site) as costs:
        time.sleep(WINDOW)
    print(costs)
    assert costs.told == 0
    assert per_minute(costs.connections.total(), costs) <= CONNECTIONS


def test_a_number_that_changes_is_no_news(unlimited_site: Site, pbs: PBSSimulator) -> None:
    """PBS tells how many cpus are free, and jobs that are not of pods come and go."""
    site = unlimited_site
    pbs.submit("stays", select="1:ncpus=1")
    site.connector.start()
    for index in range(WAITING):
        site.create(f"waits-{index}", cpu=str(CPUS))
    wait_until_told(site, f"Insufficient amount of resource: ncpus (R: {CPUS} A: {CPUS - 1} T: {CPUS})")
    said: list[str] = []
    native: list[str] = []
    with counted(site) as costs:
        while time.monotonic() < costs.begin + WINDOW:
            # Two come, then both go again. A cycle looks at the pods' jobs before it starts a later one.
            if len(native) < 2:
                native.append(pbs.submit("comes-and-goes", select="1:ncpus=1").id)
            else:
                pbs.delete(native.pop())
                pbs.delete(native.pop())
            time.sleep(2)
            said += comments(pbs)
    print(costs)
    assert sum(one != other for one, other in zip(said, said[1:])) >= 4, said
    assert per_minute(costs.told, costs) <= TOLD


def test_a_controller_and_a_kubelet_that_rejects_its_pods_make_few_jobs(rejecting_site: Site) -> None:
    """The pod asks for all that the host has for PBS, which is a little more than its node has for pods."""
    site = rejecting_site
    site.connector.start()
    template = pod_manifest("", cpu=str(CPUS), memory="1Gi")
    with counted(site) as costs, ReplicaSet(site.kubernetes, "whole", template) as replicas:
        site.wait(lambda _: any(pod["status"].get("reason") == "OutOfcpu" for pod in replicas.pods()), 10)
        time.sleep(WINDOW)
    print(costs, f"{len(replicas.made)} pods")
    assert len(replicas.made) <= REJECTED
    assert costs.commands["qsub"] <= REJECTED


def test_of_many_pods_deleted_at_once_each_job_is_deleted_once(unlimited_site: Site, pbs: PBSSimulator) -> None:
    """PBS is slow meanwhile, so that deletions wait for each other."""
    site = unlimited_site
    site.connector.start()
    for index in range(DELETED):
        site.create(f"waits-{index}", cpu="1000")
    pbs.wait(lambda _: len(site.live_jobs()) == DELETED, 60, f"{DELETED} jobs")
    with pbs.lock:
        # By the library deletions follow each other on one connection, by commands several run at once.
        pbs.faults.slow("qdel", 0.05 if by_library() else 0.4)
    with counted(site) as costs:
        for index in range(DELETED):
            site.kubernetes.delete_pod("default", f"waits-{index}")
        pbs.wait(lambda _: not site.live_jobs(), 120, "no job")
    print(costs)
    assert len(costs.named["qdel"]) == DELETED
    assert set(costs.named["qdel"].values()) == {1}
    # To delete each job, and to see that it has gone.
    assert costs.connections.total() <= 3 * DELETED


@pytest.mark.parametrize("why", ["its MoM has gone", "it is another user's"])
def test_a_job_that_cannot_be_deleted_is_tried_seldom(default_site: Site, pbs: PBSSimulator, why: str) -> None:
    site = default_site
    site.connector.start()
    names = [f"stays-{index}" for index in range(10)]
    for name in names:
        site.create(name)
    for name in names:
        site.wait_bound(name)
    with pbs.lock:
        if why == "its MoM has gone":
            pbs.host_down("node1")
        else:
            pbs.settings.manager, pbs.settings.root_manages = "administrator", False
            for job in pbs.jobs.values():
                job.owner = "former"
    jobs = {site.job_id_of(name) for name in names}
    lines = len(site.connector["pbs-broker"].lines)
    with counted(site) as costs:
        for name in names:
            site.kubernetes.delete_pod("default", name)
        time.sleep(WINDOW)
    print(costs)
    assert {job.id for job in site.live_jobs()} == jobs
    assert 1 <= max(costs.named["qdel"][job] for job in jobs if job) <= ATTEMPTS
    warnings = [line for line in site.connector["pbs-broker"].lines[lines:] if "warning" in line or "error" in line]
    assert len(warnings) <= 2 * len(names), "\n".join(warnings)
