"""Claims of a late-binding class (WaitForFirstConsumer) get the node of the pod's job, and the pod is bound when they are."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import Any, Iterator

import pytest

from hooks.timing import awaited
from integration.conftest import BRISK
from integration.provisioner import CLAIMS, Provisioner
from integration.site import Pod, Site
from simulators.kubernetes.faults import Fault, Status

# Makes names of classes and claims differ on the real API server, which all tests share.
NUMBERS = itertools.count()


@contextmanager
def provisioner(site: Site, **members: Any) -> Iterator[Provisioner]:
    serving = Provisioner(site.kubernetes, f"late-{next(NUMBERS)}", **members)
    try:
        yield serving
    finally:
        serving.close()


def uses(*claims: str) -> dict[str, Any]:
    return {"volumes": [{"name": f"v-{name}", "persistentVolumeClaim": {"claimName": name}} for name in claims]}


def jobs_ever(site: Site, pod: Pod) -> list[Any]:
    """All jobs that the pod has had."""
    return [job for job in list(site.pbs.jobs.values()) if job.pod_uid == pod["metadata"]["uid"]]


def configure(site: Site, more: str) -> None:
    (site.connector.directory / "config.yaml").write_text(BRISK + more)


def selections(site: Site) -> list[str]:
    """The requests of binder that give claims their node, on a simulated API."""
    return [entry.target for entry in list(site.kubernetes.requests.entries)
            if entry.verb == "patch" and entry.resource == "persistentvolumeclaims" and entry.user_agent.startswith("binder/")]


def test_claims_are_provisioned_on_the_jobs_node(either_site: Site) -> None:
    site = either_site
    with provisioner(site) as serving:
        for name in ("data-a", "data-b", "logs-b"):
            serving.claim(name)
        site.connector.start()
        site.create("a", **uses("data-a"))
        site.create("b", cpu="5", **uses("data-b", "logs-b"))
        site.create("c", cpu="5", **uses())
        nodes = {name: site.wait_bound(name, 30)["spec"]["nodeName"] for name in ("a", "b")}
        assert sorted(serving.made) == [("data-a", nodes["a"]), ("data-b", nodes["b"]), ("logs-b", nodes["b"])]
        assert all(serving.look(name)["status"]["phase"] == "Bound" for name in ("data-a", "data-b", "logs-b"))
        if not hasattr(site.kubernetes, "client"):
            assert sorted(selections(site)) == [f"{CLAIMS}/{name}" for name in ("data-a", "data-b", "logs-b")]
        # The next pod goes where the volume is.
        site.create("again", **uses("data-b"))
        assert site.wait_bound("again", 30)["spec"]["nodeName"] == nodes["b"]


def test_a_pod_says_what_it_waits_for(either_site: Site) -> None:
    site = either_site
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("waits", **uses("data"))
        node = serving.wait_selected("data")
        words = f"waits for volume claim default/data to be provisioned on {node}"
        site.wait_condition("waits", "PodScheduled", words)
        site.wait_event("waits", "WaitingForVolumes", words)
        assert site.node_of("waits") is None
        (job,) = site.jobs_of(pod["metadata"]["uid"])
        serving.is_working = True
        assert site.wait_bound("waits", 30)["spec"]["nodeName"] == node
        assert site.job_id_of("waits") == job.id and len(jobs_ever(site, pod)) == 1


def test_a_generic_ephemeral_volume_is_provisioned_likewise(site: Site) -> None:
    with provisioner(site) as serving:
        site.connector.start()
        template = {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": serving.name,
                             "resources": {"requests": {"storage": "1Gi"}}}}
        pod = site.create("user", volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}])
        site.wait_condition("user", "PodScheduled", "waits for volume claim default/user-scratch, which does not exist")
        # As the controller of ephemeral volumes does.
        serving.claim("user-scratch", ownerReferences=[{
            "apiVersion": "v1", "kind": "Pod", "name": "user", "uid": pod["metadata"]["uid"], "controller": True}])
        assert serving.made == [] or serving.made[0][0] == "user-scratch"
        node = site.wait_bound("user", 30)["spec"]["nodeName"]
        assert serving.made == [("user-scratch", node)]


def test_pods_that_share_a_claim_end_up_on_its_node(either_site: Site) -> None:
    site = either_site
    with provisioner(site) as serving:
        serving.claim("shared")
        site.connector.start()
        for name in ("one", "two", "three"):
            site.create(name, cpu="2", **uses("shared"))
        nodes = {site.wait_bound(name, 60)["spec"]["nodeName"] for name in ("one", "two", "three")}
        assert serving.made == [("shared", nodes.pop())] and not nodes


@pytest.mark.simulated_pbs("needs two hosts alone, and a job that ends when the test says so")
def test_where_no_volume_can_be_made_the_next_job_runs_elsewhere(site: Site) -> None:
    with provisioner(site) as serving:
        serving.failing = {"node1", "node2"}
        serving.claim("data")
        site.connector.start()
        pod = site.create("elsewhere", **uses("data"))
        (failed,) = awaited(lambda: serving.given_up, 30)
        serving.failing = {failed[1]}
        site.wait_condition("elsewhere", "PodScheduled", f"volume claim default/data: its provisioner has given up {failed[1]}", 30)
        other = next(node for node in ("node1", "node2") if node != failed[1])
        assert site.wait_bound("elsewhere", 60)["spec"]["nodeName"] == other
        assert serving.given_up == [failed] and serving.made == [("data", other)]
        assert len(jobs_ever(site, pod)) == 2


@pytest.mark.simulated_pbs("counts all jobs of a pod")
def test_what_takes_too_long_gives_the_host_back(site: Site) -> None:
    configure(site, "  volume-patience: 1\n")
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("slow", **uses("data"))
        node = serving.wait_selected("data")
        site.connector["pbs-broker"].wait_for_log(f"is released: no volume within 1 s on {node}", 30)
        site.wait_jobs(pod["metadata"]["uid"], 0)
        # No job is held for what is being provisioned already.
        site.wait_condition("slow", "PodScheduled", f"waits for volume claim default/data to be provisioned on {node}")
        assert site.live_jobs() == [] and len(jobs_ever(site, pod)) == 1
        serving.is_working = True
        assert site.wait_bound("slow", 60)["spec"]["nodeName"] == node


@pytest.mark.simulated_pbs("counts all jobs of a pod")
@pytest.mark.parametrize("process", ["kube-watcher", "pbs-broker", "binder"])
def test_each_process_may_be_killed_while_a_pod_waits_for_its_volume(site: Site, process: str) -> None:
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("waits", **uses("data"))
        node = serving.wait_selected("data")
        site.wait_condition("waits", "PodScheduled", "to be provisioned on")
        site.connector.restart(process)
        serving.is_working = True
        assert site.wait_bound("waits", 60)["spec"]["nodeName"] == node
        assert len(jobs_ever(site, pod)) == 1 and selections(site) == [f"{CLAIMS}/data"]


@pytest.mark.simulated_pbs("counts all jobs of a pod")
def test_a_pod_that_is_deleted_meanwhile_frees_its_host(site: Site) -> None:
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("waits", **uses("data"))
        serving.wait_selected("data")
        site.kubernetes.delete_pod("default", "waits")
        site.wait_gone("waits")
        site.wait_jobs(pod["metadata"]["uid"], 0)


@pytest.mark.simulated_pbs("counts all jobs of a pod")
def test_a_claim_that_is_deleted_meanwhile_frees_the_host(site: Site) -> None:
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("waits", **uses("data"))
        serving.wait_selected("data")
        serving.delete("data")
        site.wait_condition("waits", "PodScheduled", "waits for volume claim default/data, which does not exist")
        site.wait_jobs(pod["metadata"]["uid"], 0)
        serving.is_working = True
        serving.claim("data")
        node = site.wait_bound("waits", 60)["spec"]["nodeName"]
        assert serving.made == [("data", node)]


@pytest.mark.simulated_pbs("ends a job")
def test_a_job_that_ends_meanwhile_is_followed_by_one_where_the_volume_is(site: Site) -> None:
    with provisioner(site) as serving:
        serving.is_working = False
        serving.claim("data")
        site.connector.start()
        pod = site.create("waits", **uses("data"))
        node = serving.wait_selected("data")
        (job,) = site.jobs_of(pod["metadata"]["uid"])
        site.pbs.end_job(job.id)
        words = f"waits for volume claim default/data to be provisioned on {node}"
        site.wait(lambda _: (site.condition("waits", "PodScheduled") or {}).get("message") == words, 30)
        serving.is_working = True
        assert site.wait_bound("waits", 60)["spec"]["nodeName"] == node
        assert len(jobs_ever(site, pod)) == 2


@pytest.mark.simulated_pbs("the API's faults are simulated")
def test_a_refusal_is_told_and_backed_off_from(site: Site) -> None:
    fault = site.kubernetes.faults.add(Fault(r"PATCH .*/persistentvolumeclaims/", Status(403)))
    with provisioner(site) as serving:
        serving.claim("data")
        site.connector.start()
        site.create("refused", **uses("data"))
        site.wait_condition("refused", "PodScheduled", "to be provisioned on node1 (binder: refused: ")
        tries = fault.hits
        site.kubernetes.faults.remove(fault)
        site.wait_bound("refused", 30)
        # 1 s, 2 s, 4 s ... between them, and 5 s until new words are told.
        assert tries <= 6
        assert site.connector["pbs-broker"].log().count("error: volume claim default/data of pod default/refused") == 1


@pytest.mark.simulated_pbs("needs hosts of certain names alone")
def test_a_class_for_one_node_has_the_job_run_there(site: Site) -> None:
    terms = [{"matchLabelExpressions": [{"key": "kubernetes.io/hostname", "values": ["node2"]}]}]
    with provisioner(site, allowedTopologies=terms) as serving:
        serving.claim("data")
        site.connector.start()
        pod = site.create("there", **uses("data"))
        assert site.wait_bound("there", 30)["spec"]["nodeName"] == "node2"
        (job,) = jobs_ever(site, pod)
        assert "host=node2" in awaited(lambda: str(job.request))


@pytest.mark.simulated_pbs("what is refused never reaches it")
def test_a_class_without_a_provisioner_is_refused_by_name(site: Site) -> None:
    with provisioner(site, provisioner="kubernetes.io/no-provisioner") as serving:
        serving.claim("data")
        site.connector.start()
        site.create("refused", **uses("data"))
        site.wait_condition("refused", "PodScheduled", "and without a provisioner: which of its volumes it gets cannot be honoured by PBS")
        assert serving.node_of("data") is None and not site.live_jobs()


@pytest.mark.simulated_pbs("counts all jobs of a pod")
def test_another_broker_or_binder_goes_on_with_what_waits_for_a_volume(site: Site) -> None:
    """Pods of two brokers, whose claims two binders give their nodes, when one of each is killed."""
    brokers, binders = ("broker-a", "broker-b"), ("binder-a", "binder-b")
    names = [f"pod-{number}" for number in range(8)]
    with provisioner(site) as serving:
        serving.is_working = False
        site.connector.start("kube-watcher")
        for broker in brokers:
            site.connector.start_process("pbs-broker", broker)
        for binder in binders:
            site.connector.start_process("binder", binder, brokers=brokers)
        for broker in brokers:
            for binder in binders:
                site.connector[broker].wait_for_log(f"binder {binder} has connected", 30)
        pods = []
        for name in names:
            serving.claim(name)
            pods.append(site.create(name, **uses(name)))
        nodes = {name: serving.wait_selected(name) for name in names}
        for process in ("broker-a", "binder-a"):
            site.connector[process].kill()
        serving.is_working = True
        assert {name: site.wait_bound(name, 60)["spec"]["nodeName"] for name in names} == nodes
        assert all(len(jobs_ever(site, pod)) == 1 for pod in pods)
        assert sorted(selections(site)) == sorted(f"{CLAIMS}/{name}" for name in names)
