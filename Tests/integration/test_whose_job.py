"""Whose a job is: of this cluster and this connector, of another one, of another user, or nobody's. Only its own is ever deleted.

Jobs that have lost their pods in numbers are doubted until an administrator confirms it.
"""

from __future__ import annotations

import signal
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.conftest import running_site
from integration.site import Site
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

# As many as vanish-least, and more than vanish-share of all.
MANY = 12
DOUBT = "are not among what kube-watcher tells"


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def deleted(site: Site) -> set[str]:
    """The names of the pods that somebody has deleted."""
    return {entry.name for entry in site.kubernetes.record if entry.kind == "deleting"}


def await_polls(site: Site, count: int = 30) -> None:
    """By default for three times as long as a job may be without its pod, and some."""
    polls = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= polls + count, 60, f"{count} more polls")


@contextmanager
def cluster(folder: Path, pbs: Any) -> Iterator[Site]:
    """A cluster with a connector of its own on a PBS that others use too."""
    folder.mkdir()
    with closing(running_site(folder, KubernetesSimulator(kubelet=Kubelet()), pbs)) as sites:
        yield next(sites)


@pytest.mark.simulated_pbs("a real PBS serves one site of a test")
def test_two_clusters_with_one_user_of_pbs_leave_each_others_jobs_alone(tmp_path: Path, pbs: PBSSimulator) -> None:
    with ExitStack() as stack:
        sites = [stack.enter_context(cluster(tmp_path / name, pbs)) for name in ("east", "west")]
        assert sites[0].cluster != sites[1].cluster
        pods: list[dict[str, Any]] = []
        for site in sites:
            site.connector.start()
            pods += [site.create(f"pod-{index}") for index in range(4)]
        for site in sites:
            for index in range(4):
                site.wait_bound(f"pod-{index}")
        await_polls(sites[0], 80)
        assert sorted(job.pod_uid for job in sites[0].live_jobs()) == sorted(map(uid, pods))
        assert deleted(sites[0]) == deleted(sites[1]) == set()
        # A broker that starts has to find out whose the jobs are.
        sites[0].connector.restart("pbs-broker")
        await_polls(sites[0], 80)
        assert sorted(job.pod_uid for job in sites[0].live_jobs()) == sorted(map(uid, pods))
        # Each still ends its own.
        sites[0].kubernetes.delete_pod("default", "pod-0")
        sites[0].wait_jobs(uid(pods[0]), 0)
        assert len(pbs.jobs) - 1 == len(sites[1].live_jobs()) == 7


def unmarked(site: Site, pod: str, name: str) -> dict[str, str]:
    """The environment of a job of a version that did not say whose it is."""
    variables = site.job_variables(pod, name)
    del variables["KUBERNETES_CLUSTER"], variables["KUBERNETES_POD_SCHEDULER"]
    return variables


def test_a_job_that_does_not_say_whose_it_is_is_never_deleted(site: Site) -> None:
    job = site.pbs.submit("lost", variables=unmarked(site, str(uuid.uuid4()), "lost"))
    site.connector.start()
    site.create("other")
    site.wait_bound("other")
    await_polls(site)
    assert site.pbs.job(job.id).live


def test_a_job_that_does_not_say_whose_it_is_is_adopted_by_its_pod(site: Site) -> None:
    pod = site.create("adopts")
    job = site.pbs.submit("adopts", select="1:ncpus=1:mem=64mb", variables=unmarked(site, uid(pod), "adopts"))
    site.connector.start()
    site.wait_bound("adopts")
    assert site.job_id_of("adopts") == job.id
    assert [other.id for other in site.pbs.jobs.values() if other.pod_uid == uid(pod)] == [job.id]
    site.kubernetes.delete_pod("default", "adopts")
    site.wait_jobs(uid(pod), 0)


@pytest.mark.parametrize(("name", "value"), [("KUBERNETES_CLUSTER", "b0d0a6cd-0000-0000-0000-000000000000"),
                                             ("KUBERNETES_POD_SCHEDULER", "another-pbs")])
def test_a_job_of_another_connector_is_nobodys_here(site: Site, name: str, value: str) -> None:
    """Not even where it names a pod of this cluster: that gets a job of its own."""
    pod = site.create("own")
    others = [site.pbs.submit(pod_name, variables={**site.job_variables(pod_uid, pod_name), name: value})
              for pod_uid, pod_name in ((uid(pod), "own"), (str(uuid.uuid4()), "unknown"))]
    site.connector.start()
    site.wait_bound("own")
    await_polls(site)
    own = [job.id for job in site.jobs_of(uid(pod)) if job.id != others[0].id]
    assert own == [site.job_id_of("own")]
    assert all(site.pbs.job(job.id).live for job in others)


@pytest.mark.simulated_pbs("the other user exists on the simulator only")
@pytest.mark.parametrize("moment", ["before the pod's own", "after the binding"])
def test_a_job_of_another_user_that_names_a_pod_changes_nothing_for_it(bare_site: Site, moment: str) -> None:
    site = bare_site
    victim = site.create("victim")
    variables = site.job_variables(uid(victim), "victim")
    if moment == "before the pod's own":
        posing = site.pbs.submit("victim", variables=variables, user="mallory")
        site.connector.start()
        site.wait_bound("victim")
    else:
        site.connector.start()
        site.wait_bound("victim")
        posing = site.pbs.submit("victim", variables=variables, user="mallory")
    await_polls(site)
    own = site.job_id_of("victim")
    assert own != posing.id
    assert {job.id for job in site.jobs_of(uid(victim))} == {own, posing.id}
    site.pbs.end_job(posing.id)
    await_polls(site)
    assert deleted(site) == set()
    assert [job.id for job in site.jobs_of(uid(victim))] == [own]


def with_many(site: Site) -> list[dict[str, Any]]:
    """So many pods, bound."""
    site.connector.start()
    pods = [site.create(f"pod-{index}") for index in range(MANY)]
    for pod in pods:
        site.wait_bound(pod["metadata"]["name"])
    return pods


@pytest.mark.simulated_pbs("more jobs than a real PBS of a test has room for")
def test_another_scheduler_name_ends_no_job(bare_site: Site) -> None:
    """kube-watcher is started anew with it, and so tells none of the pods; then as before."""
    site = bare_site
    with_many(site)
    broker = site.connector["pbs-broker"]
    for options in (["--scheduler-name", "other"], []):
        site.connector["kube-watcher"].kill()
        before = len(broker.lines)
        site.connector.start_process("kube-watcher", options=options)
        broker.wait_for_log("kube-watcher has told all", after=before)
        # Without pods and jobs of its own the broker asks PBS seldom.
        await_polls(site, 2 if options else 40)
        assert len(site.live_jobs()) == MANY
    require_known(site)


@pytest.mark.simulated_pbs("more jobs than a real PBS of a test has room for")
def test_pods_that_are_missing_in_numbers_keep_their_jobs_until_they_are_back(bare_site: Site) -> None:
    """etcd is restored from a backup of before the pods, and then from one that has them."""
    site = bare_site
    empty = site.kubernetes.backup()
    with_many(site)
    full = site.kubernetes.backup()
    site.kubernetes.restore(empty)
    broker = site.connector["pbs-broker"]
    assert "error" in broker.wait_for_log(DOUBT, timeout=40)
    await_polls(site, 40)
    assert len(site.live_jobs()) == MANY
    began = time.monotonic()
    site.kubernetes.restore(full)
    # A watch follows a list that has been told.
    site.kubernetes.wait(lambda kubernetes: any(
        (entry.verb, entry.resource) == ("watch", "pods") and entry.monotonic > began
        for entry in kubernetes.requests.entries), 40)
    await_polls(site, 40)
    assert len(site.live_jobs()) == MANY
    require_known(site)


def require_known(site: Site) -> None:
    """The pods are known again: one that goes takes its job along, and no other."""
    pod = site.pod("pod-0") or {}
    site.kubernetes.remove_pod("default", "pod-0")
    site.wait_jobs(uid(pod), 0)
    assert len(site.live_jobs()) == MANY - 1
    assert deleted(site) <= {"pod-0"}


@pytest.mark.simulated_pbs("more jobs than a real PBS of a test has room for")
def test_orphans_in_numbers_are_deleted_when_an_administrator_confirms_it(site: Site) -> None:
    orphans = [site.pbs.submit("lost", variables=site.job_variables(str(uuid.uuid4()), "lost")) for _ in range(MANY)]
    site.connector.start()
    broker = site.connector["pbs-broker"]
    line = broker.wait_for_log(DOUBT)
    assert "error" in line and f"{MANY} of {MANY} pods with jobs" in line and f"kill -USR1 {broker.pid}" in line
    site.create("other")
    site.wait_bound("other")
    await_polls(site)
    assert all(site.pbs.job(job.id).live for job in orphans)
    broker.signal(signal.SIGUSR1)
    site.pbs.wait(lambda _: not any(site.pbs.job(job.id).live for job in orphans), 20)
    assert [job.pod_uid for job in site.live_jobs()] == [uid(site.pod("other") or {})]


@pytest.mark.simulated_pbs("more jobs than a real PBS of a test has room for")
def test_many_pods_that_were_deleted_take_their_jobs_along_at_once(bare_site: Site) -> None:
    """That Kubernetes has said so is no doubt."""
    site = bare_site
    with_many(site)
    for index in range(MANY):
        site.kubernetes.remove_pod("default", f"pod-{index}")
    site.pbs.wait(lambda _: not site.live_jobs(), 20)
    assert DOUBT not in site.connector["pbs-broker"].log()
