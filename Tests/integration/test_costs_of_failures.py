"""What submissions that fail, and jobs that end at once, cost: connections of PBS, lines in the log, pods of a controller.

PBS's connections have no limit where that would hide what is tried.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.costs import Costs, counted
from integration.site import Site, pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator, ReplicaSet
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("the simulators count what each call costs")

# Seconds over which is counted.
WINDOW = 20.0
WAITING = 100
# submissions-in-flight, by default.
IN_FLIGHT = 8
REFUSED = "qsub: Illegal attribute or resource value"


@pytest.fixture
def unlimited_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs,
                            configuration="pbs-broker:\n  connections-per-minute: 100000\n")


def counted_while(site: Site) -> tuple[Costs, list[str]]:
    """What WINDOW costs, and the broker's warnings and errors meanwhile."""
    broker = site.connector["pbs-broker"]
    before = len(broker.lines)
    with counted(site) as costs:
        time.sleep(WINDOW)
    found = [line for line in broker.lines[before:] if "warning" in line or "error" in line]
    print(costs, *found, sep="\n")
    return costs, found


def wait_until_told(site: Site, text: str) -> None:
    """Wait until every pod has been told, by its condition and by an Event."""
    names = [f"waits-{index}" for index in range(WAITING)]
    for name in names:
        site.wait_condition(name, "PodScheduled", text, 60)

    def has_events(_: object) -> bool:
        return {event["involvedObject"]["name"] for event in site.kubernetes.events() if text in event["message"]} >= set(names)

    site.wait(has_events, 60)


@pytest.mark.parametrize(("status", "words", "told"), [
    (1, "", "qsub: exit 1"), (137, "", "qsub: exit 137"), (0, "", "qsub printed no job id"), (255, "qsub: strange", "qsub: strange"),
])
def test_a_qsub_that_does_not_come_to_its_end_is_tried_by_one_pod_for_all(
    unlimited_site: Site, pbs: PBSSimulator, status: int, words: str, told: str,
) -> None:
    """PBS answers otherwise: it is only qsub that is broken."""
    site = unlimited_site
    with pbs.lock:
        fault = pbs.faults.fail("qsub", status, words)
    site.connector.start()
    for index in range(WAITING):
        site.create(f"waits-{index}")
    wait_until_told(site, f"PBS takes no jobs at present: {told}")
    costs, warnings = counted_while(site)
    # One in 10 s, at the most double as often.
    assert costs.commands["qsub"] <= 6
    assert costs.told == 0
    assert len(warnings) <= 6
    with pbs.lock:
        pbs.faults.remove(fault)
    pbs.wait(lambda _: len(site.live_jobs()) == WAITING, 60, "a job for each pod")


def test_of_many_jobs_that_ask_for_the_same_and_are_refused_few_are_tried(unlimited_site: Site, pbs: PBSSimulator) -> None:
    site = unlimited_site
    with pbs.lock:
        fault = pbs.faults.fail("qsub", 3, REFUSED)
    site.connector.start()
    for index in range(WAITING):
        site.create(f"waits-{index}")
    wait_until_told(site, REFUSED)
    costs, warnings = counted_while(site)
    # Rounds of those that may be under way together, the waits between them growing.
    assert costs.commands["qsub"] <= 6 * IN_FLIGHT
    # A pod that was tried itself is told so, once.
    assert len(warnings) <= 2 * costs.commands["qsub"]
    assert max(costs.status_patches.values(), default=0) <= 1
    # Another request, or another namespace, does not wait for that.
    with pbs.lock:
        pbs.faults.remove(fault)
    site.create("other", cpu="2")
    site.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    site.kubernetes.create_pod(pod_manifest("same", namespace="elsewhere"))
    site.wait_bound("other")
    site.wait(lambda _: (site.pod("same", "elsewhere") or {})["spec"].get("nodeName"))
    pbs.wait(lambda _: len(site.live_jobs()) == WAITING + 2, 60, "a job for each pod")


def test_refused_jobs_leave_connections_to_others(default_site: Site, pbs: PBSSimulator) -> None:
    """Within the limit of connections that is the default."""
    site = default_site
    with pbs.lock:
        pbs.faults.fail("qsub", 3, REFUSED, argument="select=1:ncpus=3:mem=64mb")
    site.connector.start()
    for index in range(3 * WAITING):
        site.create(f"refused-{index}", cpu="3")
    site.wait(lambda _: sum(site.condition(f"refused-{index}", "PodScheduled") is not None for index in range(3 * WAITING))
              == 3 * WAITING, 60)
    for name in ("one", "two"):
        site.create(name)
        site.wait_bound(name, 20)


def test_a_controller_whose_pods_lose_their_jobs_at_once_makes_few(unlimited_site: Site, pbs: PBSSimulator) -> None:
    """A queue's walltime of a second, say, or a hook of the site that ends the job."""
    site = unlimited_site
    site.connector.start()
    stopping = threading.Event()

    def end_jobs() -> None:
        while not stopping.wait(0.05):
            for pod in site.kubernetes.pods():
                job = (pod["metadata"].get("annotations") or {}).get("pbs-connector/job-id")
                if job and pbs.job(job).live:
                    pbs.end_job(job)

    thread = threading.Thread(target=end_jobs)
    thread.start()
    try:
        with counted(site) as costs, ReplicaSet(site.kubernetes, "whole", pod_manifest("")) as replicas:
            time.sleep(WINDOW)
            waiting = next(pod for pod in replicas.pods() if not pod["spec"].get("nodeName"))
            site.wait_condition(waiting["metadata"]["name"], "PodScheduled", "jobs of its owner's pods end soon after they are bound")
    finally:
        stopping.set()
        thread.join()
    print(costs)
    assert 2 <= len(replicas.made) <= 6
    # Whoever else comes is not concerned.
    site.create("other")
    site.wait_bound("other")
