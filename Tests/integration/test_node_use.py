"""What Kubernetes' nodes have left: what kube-watcher tells of it at what cost, and what follows for bindings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.conftest import running_site
from integration.site import Site, pod_manifest
from integration.watched import Watched, connect, next_of, watched
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

Object = dict[str, Any]
__all__ = ["watched"]  # a fixture
# Seconds for which containers run on after their pod is deleted.
STOPPING = 6.0
GIB = str(1 << 30)


def other(name: str, cpu: str = "1", node: str | None = "node1", **spec: Any) -> Object:
    """A pod of another scheduler; on a node at once where one is given."""
    where = {"nodeName": node} if node else {}
    return pod_manifest(name, cpu=cpu, memory="1Gi", scheduler="default-scheduler", **where, **spec)


def daemon(name: str, cpu: str) -> Object:
    pod = other(name, cpu)
    pod["metadata"]["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "d",
                                           "controller": True}]
    return pod


def use_of(peer: Any) -> Object:
    return {key: value for key, value in next_of(peer, "node-use").items() if key != "type"}


def test_what_pods_that_are_not_ours_hold_is_told(watched: Watched) -> None:
    kubernetes = watched.kubernetes
    kubernetes.create_pod(daemon("agent", "100m"))
    kubernetes.create_pod(other("web"))
    kubernetes.create_pod(pod_manifest("ours", nodeName="node1"))
    kubernetes.create_pod(other("waits", node=None))
    watched.start()
    with connect(watched) as peer:
        told = peer.until("synced")
        (use,) = [message for message in told if message["type"] == "node-use"]
        assert use == {"type": "node-use", "name": "node1", "daemons": {"cpu": "100m", "memory": GIB, "pods": "1"},
                       "others": {"cpu": "1000m", "memory": GIB, "pods": "1"}}
        (cluster,) = [message["cluster"] for message in told if message["type"] == "cluster"]
        assert cluster["nodeUse"] is True
        (node,) = [message["node"] for message in told if message["type"] == "node"]
        assert node["status"]["allocatable"]["cpu"] == "1000000m"
        # Bound by its scheduler.
        kubernetes.bind("default", "waits", "node1")
        assert use_of(peer)["others"] == {"cpu": "2000m", "memory": str(2 << 30), "pods": "2"}
        # What has ended holds nothing, though the pod is there.
        kubernetes.request("PATCH", "/api/v1/namespaces/default/pods/web/status", {"status": {"phase": "Succeeded"}},
                           "application/merge-patch+json")
        assert use_of(peer)["others"] == {"cpu": "1000m", "memory": GIB, "pods": "1"}
        kubernetes.delete_pod("default", "waits", 0)
        kubernetes.delete_pod("default", "agent", 0)
        peer.until("node-use")
        while use_of(peer) != {"name": "node1"}:
            pass


def test_the_view_of_other_pods_costs_one_list_and_one_watch(watched: Watched) -> None:
    """200 pods come and go; what is asked of the API does not grow with them, and ours come by their own watch."""
    kubernetes = watched.kubernetes
    for index in range(100):
        kubernetes.create_pod(other(f"before-{index}", "10m"))
    watched.start()
    with connect(watched) as peer:
        peer.until("synced")
        for index in range(100):
            kubernetes.create_pod(other(f"after-{index}", "10m"))
        kubernetes.create_pod(pod_manifest("ours", nodeName="node1"))
        while next_of(peer, "node-use").get("others", {}).get("pods") != "200":
            pass
        for index in range(100):
            kubernetes.delete_pod("default", f"after-{index}", 0)
        while next_of(peer, "node-use").get("others", {}).get("pods") != "100":
            pass
    asked = [entry for entry in list(kubernetes.requests.entries)
             if entry.resource == "pods" and "nodeName" in entry.target and entry.verb in ("list", "watch")]
    assert [entry.verb for entry in asked].count("list") == 1
    assert [entry.verb for entry in asked].count("watch") == 1
    assert all("spec.schedulerName%21%3Dpbs" in entry.target or "spec.schedulerName!=pbs" in entry.target for entry in asked)


# Bindings


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 8, "mem": "16777216kb"}}) as simulator:
        yield simulator


@pytest.fixture
def kubernetes() -> KubernetesSimulator:
    simulator = KubernetesSimulator(kubelet=Kubelet(rejects=True, stop_delay=STOPPING))
    simulator.create_node("node1", cpu="4", memory="16Gi")
    return simulator


@pytest.fixture
def small_site(tmp_path: Path, kubernetes: KubernetesSimulator, pbs: PBSSimulator) -> Iterator[Site]:
    """PBS has eight cpus on a node of four, and a kubelet that rejects what does not fit."""
    yield from running_site(tmp_path, kubernetes, pbs)


pytestmark = pytest.mark.simulated_pbs("PBS has more cpus than the node")


def rejected(site: Site) -> list[str]:
    return [pod["metadata"]["name"] for pod in site.kubernetes.pods() if pod["status"].get("reason", "").startswith("OutOf")]


def test_a_pod_is_bound_only_where_kubernetes_has_room(small_site: Site) -> None:
    site = small_site
    site.kubernetes.create_pod(other("web", "3"))
    site.connector.start()
    pod = site.create("two", cpu="2")
    words = "runs on node1, where Kubernetes has 1 cpu left of 4 (pods of other schedulers hold 3), and the pod asks for 2"
    site.wait_condition("two", "PodScheduled", words, 30)
    site.wait_event("two", "FailedScheduling", words)
    # Its job gives the place back, and another is submitted later.
    site.wait_condition("two", "PodScheduled", "so that its job is submitted later", 60)
    site.connector["pbs-broker"].wait_for_log("it is released, and another is submitted later", 30)
    # One that fits is bound meanwhile.
    site.create("one", cpu="1")
    site.wait_bound("one", 30)
    assert site.node_of("two") is None
    site.kubernetes.delete_pod("default", "web", 0)
    site.kubernetes.delete_pod("default", "one", 0)
    site.wait_bound("two", 120)
    assert rejected(site) == []
    assert len(site.jobs_of(pod["metadata"]["uid"])) == 1


def test_of_many_pods_at_once_only_those_are_bound_that_fit(small_site: Site) -> None:
    """PBS starts eight jobs; the node has room for four pods, and kube-watcher tells of the bindings only later."""
    site = small_site
    site.connector.start()
    for index in range(8):
        site.create(f"one-{index}", cpu="1")
    site.wait(lambda _: sum(site.node_of(f"one-{index}") is not None for index in range(8)) == 4, 60)
    bound = [f"one-{index}" for index in range(8) if site.node_of(f"one-{index}")]
    waiting = next(f"one-{index}" for index in range(8) if not site.node_of(f"one-{index}"))
    site.wait_condition(waiting, "PodScheduled", "where Kubernetes has 0 cpu left of 4 (pods with jobs hold 4)", 30)
    site.kubernetes.delete_pod("default", bound[0], 0)
    site.wait(lambda _: sum(site.node_of(f"one-{index}") is not None for index in range(8)) == 4, 120)
    assert rejected(site) == []


def test_what_is_ending_is_waited_for(small_site: Site) -> None:
    """A pod of ours has its grace period after its job's end; the next one's job has its place in PBS already."""
    site = small_site
    site.connector.start()
    site.create("first", cpu="4", terminationGracePeriodSeconds=20)
    site.wait_bound("first")
    site.wait(lambda _: site.pod("first")["status"]["phase"] == "Running")
    started = time.monotonic()
    site.pbs.delete(site.job_id_of("first"))
    second = site.create("second", cpu="4")
    site.wait_bound("second", 60)
    assert time.monotonic() - started >= STOPPING - 1
    assert rejected(site) == []
    # Its first job still: it was not released.
    assert [job.id for job in site.jobs_of(second["metadata"]["uid"])] == [site.job_id_of("second")]


@pytest.fixture
def unchecked_site(tmp_path: Path, kubernetes: KubernetesSimulator, pbs: PBSSimulator) -> Iterator[Site]:
    """The same, and pods are bound without a look at what is left."""
    yield from running_site(tmp_path, kubernetes, pbs, configuration="pbs-broker:\n  check-capacity: false\n")


def test_an_event_says_what_to_change(unchecked_site: Site) -> None:
    site = unchecked_site
    site.connector.start()
    site.create("large", cpu="5")
    event = site.wait_event("large", "RejectedByKubelet", "the kubelet of node1 rejected the pod (OutOfcpu)", 30)
    assert "PBS has more ncpus on that host than its node has for pods" in event["message"]
    # A smaller one need not wait.
    site.create("small", cpu="2")
    site.wait_bound("small", 30)
    site.connector.restart("pbs-broker")
    site.create("another", cpu="1")
    site.wait_bound("another", 30)
    assert [found["count"] for found in site.events_of("large", "RejectedByKubelet")] == [1]
