"""A kubelet that has no room for a pod, and a controller that makes another one at once."""

from __future__ import annotations

from typing import Any

from simulators.kubernetes import Kubelet, KubernetesSimulator, ReplicaSet


def pod(name: str, cpu: str, memory: str = "1Gi") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [
        {"name": "main", "image": "busybox:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}}


def phase(simulator: KubernetesSimulator, name: str) -> str:
    found = simulator.pod("default", name)
    assert found is not None
    return str(found["status"]["phase"])


def test_a_pod_larger_than_its_nodes_allocatable_fails() -> None:
    """With the reason and in the words that kubelet has for it."""
    with KubernetesSimulator(kubelet=Kubelet(rejects=True)) as simulator:
        simulator.create_node("node1", cpu="7900m")
        simulator.create_pod(pod("whole", "8"))
        simulator.bind("default", "whole", "node1")
        simulator.wait(lambda _: phase(simulator, "whole") == "Failed", 5)
        status = simulator.pod("default", "whole")["status"]  # type: ignore[index]  # it is there
        assert (status["reason"], status["message"]) == (
            "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 8000, used: 0, capacity: 7900")
        assert "containerStatuses" not in status


def test_what_runs_already_counts_and_what_has_ended_does_not() -> None:
    with KubernetesSimulator(kubelet=Kubelet(rejects=True)) as simulator:
        simulator.create_node("node1", cpu="2", memory="4Gi")
        for name, memory in (("first", "3Gi"), ("second", "2Gi")):
            simulator.create_pod(pod(name, "1", memory))
        simulator.bind("default", "first", "node1")
        simulator.wait(lambda _: phase(simulator, "first") == "Running", 5)
        simulator.bind("default", "second", "node1")
        simulator.wait(lambda _: phase(simulator, "second") == "Failed", 5)
        assert simulator.pod("default", "second")["status"]["reason"] == "OutOfmemory"  # type: ignore[index]
        simulator.set_pod_phase("default", "first", "Succeeded")
        simulator.create_pod(pod("third", "2", "4Gi"))
        simulator.bind("default", "third", "node1")
        simulator.wait(lambda _: phase(simulator, "third") == "Running", 5)


def test_a_replica_set_replaces_what_has_ended_or_is_deleted() -> None:
    with KubernetesSimulator(kubelet=Kubelet(stop_delay=3600)) as simulator:
        simulator.create_node("node1")
        with ReplicaSet(simulator, "web", pod("web", "1"), replicas=2) as replicas:
            simulator.wait(lambda _: len(replicas.pods()) == 2, 5)
            first, second = (each["metadata"]["name"] for each in replicas.pods())
            simulator.bind("default", first, "node1")
            simulator.set_pod_phase("default", first, "Failed")
            simulator.wait(lambda _: len(replicas.pods()) == 3, 5)
            simulator.bind("default", second, "node1")
            simulator.delete_pod("default", second)
            simulator.wait(lambda _: len(replicas.pods()) == 4, 5)
            assert len(replicas.made) == 4
            owner = replicas.pods()[0]["metadata"]["ownerReferences"][0]
            assert (owner["kind"], owner["name"], owner["controller"]) == ("ReplicaSet", "web", True)
