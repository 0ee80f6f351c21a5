"""Whose fault it is that a job is not taken or does not fit: PBS's state, a limit, an altered job, a pod that was resized."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integration.backend import by_library, said
from integration.costs import counted
from integration.site import Site
from simulators.pbs import PBSSimulator
from simulators.pbs.faults import Fault, FaultKind

MANY = 10
# submissions-in-flight, by default.
IN_FLIGHT = 8
# Jobs of one user in a queue.
LIMIT = 4
LIMIT_WORDS = "qsub: would exceed complex's per-user limit of jobs in 'Q' state"
# pbs_error.h: PBSE_BADCRED, and what a command exits with on an error of its own; PBSE_ENTLIMCT.
FAULTS = [(15019 & 255, "qsub: Invalid credential"), (1, "qsub: Server is busy")]
LIMIT_STATUS = 15142 & 255

pytestmark = pytest.mark.simulated_pbs("its answers are chosen")


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def told(site: Site) -> str:
    """All that pods were ever told, by conditions and Events."""
    return "\n".join(str(entry.details) for entry in site.kubernetes.record if entry.kind in ("condition", "event"))


def jobs_ever(site: Site, pod: dict[str, Any]) -> int:
    return len([job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)])


@pytest.mark.parametrize(("status", "words"), FAULTS)
def test_a_passing_fault_of_pbs_is_not_the_pods(site: Site, pbs: PBSSimulator, status: int, words: str) -> None:
    site.connector.start()
    if by_library() and status == 1:
        pytest.skip("an exit status of a command alone, and no error of the library")
    words = said(words)
    with pbs.lock:
        fault = pbs.faults.fail("qsub", status, words)
    with counted(site) as costs:
        pods = [site.create(f"pod-{index}") for index in range(MANY)]
        for pod in pods:
            name, reason = pod["metadata"]["name"], f"PBS takes no jobs at present: {words}"
            site.wait_condition(name, "PodScheduled", reason, 20)
            site.wait_event(name, "FailedScheduling", reason)
    # One pod tries for all, after those that were under way together.
    assert 2 <= costs.commands["qsub"] <= IN_FLIGHT + 6, costs
    # Each wait of the one that tries is at least half of 1, 2, 4 ... s.
    assert costs.seconds < 30
    with pbs.lock:
        pbs.faults.remove(fault)
    for pod in pods:
        site.wait_bound(pod["metadata"]["name"], 20)
        assert jobs_ever(site, pod) == 1
    assert "PBS refuses" not in told(site)
    # Said once each, and not again when the words were the same.
    assert max(costs.new_events.values()) == 1 and not costs.repeated_events


class QueueLimit(Fault):
    """Refuses every submission while so many jobs are there."""

    def __init__(self, pbs: PBSSimulator, most: int) -> None:
        self.pbs, self.most = pbs, most
        super().__init__("qsub", FaultKind.FAIL, status=LIMIT_STATUS, text=LIMIT_WORDS)

    def __getattribute__(self, name: str) -> Any:
        if name == "count":
            # 0: strikes no more; None: each time.
            return 0 if sum(job.live for job in self.pbs.jobs.values()) < self.most else None
        return super().__getattribute__(name)


def test_a_limit_is_tried_by_one_pod_for_all_and_its_places_are_kept_full(site: Site, pbs: PBSSimulator) -> None:
    with pbs.lock:
        pbs.faults.add(QueueLimit(pbs, LIMIT))
    site.connector.start()
    with counted(site) as costs:
        for index in range(MANY):
            site.create(f"pod-{index}")
        pbs.wait(lambda _: len(site.live_jobs()) == LIMIT, 20)
        waits = [f"pod-{index}" for index in range(MANY) if site.node_of(f"pod-{index}") is None]
        site.wait(lambda _: sum("a limit of PBS is reached" in (site.condition(name, "PodScheduled") or {}).get("message", "")
                                for name in waits) >= MANY - LIMIT, 30)
    assert costs.commands["qsub"] <= LIMIT + IN_FLIGHT + 8, costs
    for left in range(MANY - LIMIT, 0, -1):
        ended = min(site.live_jobs(), key=lambda job: job.sequence)
        before = len(pbs.jobs)
        with counted(site) as costs:
            site.pbs.end_job(ended.id)
            # A place that became free is taken at once, not when the next try is due.
            pbs.wait(lambda _: len(pbs.jobs) == before + 1, 15, f"a job for the free place, {left} pods waiting")
        # One is taken, and the tries after it; those for the place before may still be under way.
        assert costs.commands["qsub"] <= 5, costs
    assert "PBS refuses" not in told(site)


def test_pods_are_told_once_that_pbs_is_away(site: Site) -> None:
    site.connector.start()
    site.create("bound")
    site.wait_event("bound", "Scheduled")
    site.pbs.stop()
    names = [f"waits-{index}" for index in range(4)]
    with counted(site) as costs:
        for name in names:
            site.create(name)
        for name in names:
            site.wait_condition(name, "PodScheduled", "PBS does not answer", 25)
        time.sleep(5)
    assert {costs.new_events[name] + costs.repeated_events[name] for name in names} == {1}
    assert costs.new_events["bound"] == 0
    site.pbs.start()
    for name in names:
        site.wait_bound(name, 25)
    assert "PBS refuses" not in told(site)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


@pytest.mark.parametrize(("needed", "select", "said"), [
    ({"cpu": "2"}, "1:ncpus=1:mem=64mb", "ncpus=1 instead of 2"),
    ({"cpu": "1", "memory": "64Mi"}, "1:ncpus=1:mem=1mb", "mem=1mb instead of 64mb"),
    ({"nodeSelector": {"kubernetes.io/hostname": "node2"}}, "1:ncpus=1:mem=64mb:host=node1", "host=node1 instead of node2"),
])
def test_a_job_that_was_altered_while_it_waited_is_submitted_anew(
    site: Site, pbs: PBSSimulator, needed: dict[str, Any], select: str, said: str,
) -> None:
    pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("altered", **needed)
    (job,) = site.wait_jobs(uid(pod), 1)
    with pbs.lock:
        pbs.server.alter(job.id, pbs.settings.manager, {"select": select}, {})
    pbs.wait(lambda _: not job.live, 15, "the altered job deleted")
    site.wait_condition("altered", "PodScheduled", said)
    pbs.set_scheduling(True)
    site.wait_bound("altered")
    (new,) = site.jobs_of(uid(pod))
    assert new.id != job.id and site.job_id_of("altered") == new.id
    assert [entry.annotations["pbs-connector/job-id"] for entry in site.kubernetes.record if entry.kind == "bound"] == [new.id]
    if "nodeSelector" in needed:
        assert site.node_of("altered") == "node2"


def test_no_pod_is_bound_by_a_job_that_was_altered_just_before_it_ran(site: Site, pbs: PBSSimulator) -> None:
    """The broker hears of the alteration only when the job runs."""
    pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("altered", nodeSelector={"kubernetes.io/hostname": "node2"})
    (job,) = site.wait_jobs(uid(pod), 1)
    with pbs.lock:
        pbs.server.alter(job.id, pbs.settings.manager, {"select": "1:ncpus=1:mem=64mb:host=node1"}, {})
        pbs.set_scheduling(True)
    site.wait_bound("altered")
    assert site.node_of("altered") == "node2"
    assert {entry.node for entry in site.kubernetes.record if entry.kind == "bound"} == {"node2"}
    assert site.jobs_of(uid(pod)) != [job]


@pytest.mark.parametrize("cpu", ["4", "1"], ids=["larger", "smaller"])
def test_the_job_of_a_waiting_pod_that_was_resized_gets_its_size(site: Site, pbs: PBSSimulator, cpu: str) -> None:
    pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("resized", cpu="2")
    (job,) = site.wait_jobs(uid(pod), 1)
    site.kubernetes.resize_pod("default", "resized", {"cpu": cpu, "memory": "128Mi"})
    pbs.wait(lambda _: job.request.listed["select"] == f"1:ncpus={cpu}:mem=128mb", 15, "the job altered")
    pbs.set_scheduling(True)
    site.wait_bound("resized")
    assert site.job_id_of("resized") == job.id
    assert jobs_ever(site, pod) == 1


@pytest.mark.simulated_pbs("the resize is the API's, and which PBS there is plays no part")
def test_a_bound_pod_that_was_resized_is_told_what_its_job_holds(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("grown")
    site.wait_bound("grown")
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    site.kubernetes.resize_pod("default", "grown", {"cpu": "4", "memory": "64Mi"})
    event = site.wait_event("grown", "ResizedBeyondJob")
    assert f"job {job.id} cannot follow: it has ncpus=1 instead of 4" in event["message"]
    assert site.jobs_of(pod["metadata"]["uid"]) == [job]
    assert "deletionTimestamp" not in site.pod("grown")["metadata"]


@pytest.mark.simulated_pbs("the resize is the API's, and which PBS there is plays no part")
def test_a_bound_pod_that_was_resized_while_no_broker_ran_is_told_too(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("grown")
    site.wait_bound("grown")
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    site.connector["pbs-broker"].stop()
    site.kubernetes.resize_pod("default", "grown", {"cpu": "4", "memory": "64Mi"})
    site.connector.start_process("pbs-broker")
    event = site.wait_event("grown", "ResizedBeyondJob")
    assert f"job {job.id} cannot follow: it has ncpus=1 instead of 4" in event["message"]
