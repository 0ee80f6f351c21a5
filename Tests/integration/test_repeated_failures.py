"""What fails, or is undone, again and again: counted, with the connector's own settings."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from integration.conftest import running_site
from integration.costs import counted
from integration.site import Site, pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator, ReplicaSet
from simulators.pbs import PBSSimulator
from simulators.pbs.errors import PBSError
from simulators.pbs.job import Job
from simulators.pbs.server import Submission

pytestmark = pytest.mark.simulated_pbs("the simulator counts what each call costs a PBS, and fails as it is told")

# Seconds over which is counted.
WINDOW = 20.0
# Jobs of one pod in that time: the waits between them are doubled from 1 s on, and are half of that at the least.
JOBS = 7
# Pods of one owner in that time.
PODS = 6
# pbs_error.h, PBSE_HOOKERROR.
HOOK_ERROR = 15136
# Attempts at jobs that PBS does not answer, of all pods.
ATTEMPTS = 15


@pytest.fixture
def unlimited_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """What is counted on it is what the broker asks for, not what the limit of connections lets through."""
    yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs,
                            configuration="pbs-broker:\n  connections-per-minute: 100000\n")


@contextmanager
def again_and_again(work: Callable[[], None]) -> Iterator[None]:
    """Does so ten times a second meanwhile."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.1):
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_site_that_makes_every_job_smaller_makes_few_jobs(unlimited_site: Site, pbs: PBSSimulator) -> None:
    """As a queuejob hook does: the job never is what its pod needs."""
    site = unlimited_site
    pbs.set_scheduling(False)

    def shrink() -> None:
        with pbs.lock:
            for job in site.live_jobs():
                if job.state == "Q":
                    pbs.server.alter(job.id, pbs.settings.manager, {"select": "1:ncpus=1:mem=64mb"}, {})

    site.connector.start()
    with again_and_again(shrink), counted(site) as costs:
        site.create("large", cpu="2")
        site.wait_condition("large", "PodScheduled", "ncpus=1 instead of 2")
        time.sleep(WINDOW)
    print(costs)
    assert 2 <= costs.commands["qsub"] <= JOBS
    assert costs.told <= 2 * JOBS


def test_jobs_that_end_soon_after_the_binding_make_few_pods(unlimited_site: Site, pbs: PBSSimulator) -> None:
    """As where a prologue fails or a walltime is very short: the controller makes another pod at once."""
    site = unlimited_site

    def end() -> None:
        for job in site.live_jobs():
            if job.state == "R" and any(pod["spec"].get("nodeName") for pod in site.kubernetes.pods()
                                        if pod["metadata"]["uid"] == job.pod_uid):
                pbs.delete(job.id)

    site.connector.start()
    with again_and_again(end), counted(site) as costs, \
            ReplicaSet(site.kubernetes, "short", pod_manifest("")) as replicas:
        site.wait(lambda _: len(replicas.made) >= 2, 20)
        time.sleep(WINDOW)
    print(costs, f"{len(replicas.made)} pods")
    assert costs.commands["qsub"] <= PODS


@pytest.mark.parametrize("how", ["killed", "no id"])
def test_a_qsub_that_never_answers_is_tried_by_one_pod_for_all(unlimited_site: Site, pbs: PBSSimulator, how: str) -> None:
    """While qstat works, so that PBS does not seem to be away."""
    site = unlimited_site
    with pbs.lock:
        fault = pbs.faults.fail("qsub", 137, "") if how == "killed" else pbs.faults.fail("qsub", 255, "qsub: End of File\n")
    site.connector.start()
    with counted(site) as costs:
        for index in range(50):
            site.create(f"waits-{index}")
        site.wait_condition("waits-7", "PodScheduled", "PBS takes no jobs at present", 30)
        time.sleep(WINDOW)
    print(costs)
    assert costs.commands["qsub"] <= ATTEMPTS
    warnings = [line for line in site.connector["pbs-broker"].lines if "warning" in line and "qsub" in line]
    assert len(warnings) <= 5, "\n".join(warnings)
    with pbs.lock:
        pbs.faults.remove(fault)
    # As many as there is room for.
    site.wait(lambda _: sum(1 for pod in site.kubernetes.pods() if pod["spec"].get("nodeName")) >= 16, 60)


def test_a_pod_at_whose_job_a_hook_fails_holds_nobody_up(
    unlimited_site: Site, pbs: PBSSimulator, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its owner may have made it so."""
    site = unlimited_site
    submit = pbs.server.submit

    def hooked(submission: Submission) -> Job:
        if submission.name == "evil":
            raise PBSError(HOOK_ERROR, "request rejected as filter hook 'site' encountered an exception. Please inform Admin")
        return submit(submission)

    monkeypatch.setattr(pbs.server, "submit", hooked)
    site.connector.start()
    site.create("evil")
    site.connector["pbs-broker"].wait_for_log("encountered an exception")
    # Among several pods, and when another one comes alone.
    for names in ([f"good-{index}" for index in range(5)], ["later"], ["last"]):
        for name in names:
            site.create(name)
        for name in names:
            site.wait_bound(name, 40)
    site.wait_condition("evil", "PodScheduled", "PBS refuses the job", 60)
    assert site.node_of("evil") is None
