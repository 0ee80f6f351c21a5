"""The whole life of a pod on a real PBS, where `qstat -B` answers (or in the lab: PBS_CONNECTOR_LAB)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.connector import Connector
from integration.site import pod_manifest
from real.pbs import RealPBS
from simulators.kubernetes import Kubelet, KubernetesSimulator

pytestmark = pytest.mark.skipif(RealPBS.missing() is not None, reason=f"no PBS here: {RealPBS.missing()}")


class RealSite:
    """The connector between a simulated API, with the real hosts as its nodes, and a real PBS."""

    def __init__(self, directory: Path) -> None:
        self.pbs = RealPBS(directory)
        self.kubernetes = KubernetesSimulator(kubelet=Kubelet())
        self.kubernetes.start()
        for host in self.pbs.hosts():
            self.kubernetes.create_node(host)
        self.kubernetes.write_kubeconfig(directory / "kubeconfig")
        kubeconfigs = {"kube-watcher": directory / "kubeconfig", "binder": directory / "kubeconfig"}
        self.connector = Connector(directory, kubeconfigs, self.pbs.exec_dir)

    def close(self) -> None:
        print(self.connector.logs())
        self.connector.close()
        for pod in self.kubernetes.pods():
            for job in self.pbs.jobs_of_pod(pod["metadata"]["uid"]):
                self.pbs.run("qdel", job, allowed=(0, 35, 153))
        self.kubernetes.stop()
        self.pbs.close()

    def bound(self, name: str, **options: Any) -> tuple[str, str, str]:
        """A new pod, once it is bound: its UID, its job, its node."""
        uid = self.kubernetes.create_pod(pod_manifest(name, **options))["metadata"]["uid"]
        self.kubernetes.wait(lambda k: k.pod("default", name)["spec"].get("nodeName"), 30)
        pod = self.kubernetes.pod("default", name)
        assert pod is not None
        return uid, pod["metadata"]["annotations"]["pbs-connector/job-id"], pod["spec"]["nodeName"]

    def wait_for_end_of(self, uid: str) -> None:
        self.pbs.wait(lambda pbs: not pbs.jobs_of_pod(uid), 30)

    def wait_for_disruption(self, name: str, words: str) -> None:
        self.kubernetes.wait(lambda k: any(words in event["message"] for event in k.events("default")
                                           if event["reason"] == "JobEnded" and event["involvedObject"]["name"] == name), 30)


@pytest.fixture
def real_site(tmp_path: Path) -> Iterator[RealSite]:
    site = RealSite(tmp_path)
    site.connector.start()
    try:
        yield site
    finally:
        site.close()


def test_a_pod_is_bound_to_the_host_of_its_real_job(real_site: RealSite) -> None:
    uid, job, node = real_site.bound("redis", cpu="1", memory="640Mi")
    (told,) = real_site.pbs.jobs_of_pod(uid).values()
    assert told["exec_host"].startswith(node)
    assert told["Job_Name"] == "redis"
    assert told["Resource_List"]["mem"] == "640mb"
    assert told["Rerunable"] == "False"
    assert told["substate"] == 42


def test_a_pod_that_goes_or_finishes_ends_its_real_job(real_site: RealSite) -> None:
    deleted, _, _ = real_site.bound("deleted")
    real_site.kubernetes.delete_pod("default", "deleted", grace_period_seconds=0)
    real_site.wait_for_end_of(deleted)
    finished, _, _ = real_site.bound("finished")
    real_site.kubernetes.set_pod_phase("default", "finished", "Succeeded")
    real_site.wait_for_end_of(finished)
    assert real_site.kubernetes.pod("default", "finished") is not None


def test_a_real_job_that_ends_takes_its_pod_with_it(real_site: RealSite) -> None:
    _, job, _ = real_site.bound("killed")
    real_site.pbs.run("qdel", job)
    real_site.wait_for_disruption("killed", "terminated by")
    real_site.kubernetes.wait(lambda k: k.pod("default", "killed") is None, 30)


def test_walltime_exceeded_on_a_real_host_ends_the_pod(real_site: RealSite) -> None:
    real_site.bound("timed", activeDeadlineSeconds=3)
    real_site.wait_for_disruption("timed", "exceeded resource walltime")


def test_a_pod_that_waits_carries_the_real_schedulers_words(real_site: RealSite) -> None:
    uid = real_site.kubernetes.create_pod(pod_manifest("big", cpu="1000"))["metadata"]["uid"]
    real_site.kubernetes.wait(lambda k: any("Insufficient amount of resource: ncpus" in event["message"]
                                            for event in k.events("default")), 30)
    real_site.kubernetes.delete_pod("default", "big", grace_period_seconds=0)
    real_site.wait_for_end_of(uid)


def test_names_that_look_like_numbers_are_understood(real_site: RealSite) -> None:
    for name in ("007", "1e5", "inf"):
        _, job, _ = real_site.bound(name, cpu="0", memory="16Mi")
        assert job.split(".")[0].isdigit()
