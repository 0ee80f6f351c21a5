"""A real kube-apiserver whose etcd gets its data of before back, and what kube-watcher reads of a real one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.connector import Connector
from integration.peer import Message, Peer
from integration.site import pod_manifest
from real.kubernetes import RealKubernetes

CONFIGURATION = "kube-watcher:\n  check-interval: 1\n"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealKubernetes]:
    """A server of the test's own."""
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    with RealKubernetes(tmp_path / "kubernetes") as server:
        yield server


@pytest.fixture
def watcher(server: RealKubernetes, tmp_path: Path) -> Iterator[Connector]:
    connector = Connector(tmp_path, {"kube-watcher": server.write_kubeconfig(tmp_path / "kubeconfig")}, tmp_path,
                          configuration=CONFIGURATION)
    try:
        yield connector
    finally:
        print(connector.logs())
        connector.close()


def subscribe(connector: Connector) -> Peer:
    connector.start_process("kube-watcher").wait_for_log("watches the cluster")
    # Nobody pings an observer, who may wait while the server restarts.
    peer = Peer(connector.socket("kube-watcher"))
    peer.hello("observer")
    return peer


def until_pod(peer: Peer, name: str, timeout: float = 60.0) -> Message:
    """The next word on this pod that says where it is."""
    while True:
        message = peer.until("pod", timeout)[-1]
        if message["pod"]["metadata"]["name"] == name:
            return message


def test_a_real_etcd_that_was_restored_is_noticed_and_listed_again(server: RealKubernetes, watcher: Connector) -> None:
    """A pod is bound, the data is kept aside, 60 writes and another pod follow, the data of before comes back."""
    server.create_node("node1")
    server.create_pod(pod_manifest("bound"))
    server.bind("default", "bound", "node1")
    data, aside = server.directory / "etcd-data", server.directory / "aside"
    server.stop()
    shutil.copytree(data, aside)
    server.start()
    for index in range(60):
        label = {"metadata": {"labels": {"write": str(index)}}}
        server.client.json("PATCH", "/api/v1/namespaces/default/pods/bound", label, "application/merge-patch+json")
    server.create_pod(pod_manifest("lost"))
    with subscribe(watcher) as peer:
        told = {message["pod"]["metadata"]["name"] for message in peer.until("synced", 60) if message["type"] == "pod"}
        assert told == {"bound", "lost"}
        server.stop()
        shutil.rmtree(data)
        aside.rename(data)
        server.start()
        gone = peer.until("pod-gone", 90)[-1]
        assert (gone["pod"]["name"], gone["deleted"]) == ("lost", False)
        server.create_pod(pod_manifest("new"))
        until_pod(peer, "new")
        server.bind("default", "new", "node1")
        assert until_pod(peer, "new")["pod"]["spec"]["nodeName"] == "node1"
    watcher["kube-watcher"].wait_for_log("etcd has been restored from a backup")


def test_the_cluster_and_its_claims_are_told_by_a_real_server(server: RealKubernetes, watcher: Connector) -> None:
    server.client.json("POST", "/apis/storage.k8s.io/v1/storageclasses", {
        "metadata": {"name": "late"}, "provisioner": "example.org/local", "volumeBindingMode": "WaitForFirstConsumer"})
    claim: dict[str, Any] = {"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}}}
    server.client.json("POST", CLAIMS, claim)
    with subscribe(watcher) as peer:
        told = peer.until("synced", 30)
        (cluster,) = [message["cluster"] for message in told if message["type"] == "cluster"]
        uid = server.client.json("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        assert cluster == {"id": uid, "schedulerNames": ["pbs"], "claims": True, "nodeUse": True}
        (first,) = [message["claim"] for message in told if message["type"] == "claim"]
        assert first == {"namespace": "default", "name": "data", "isBound": False, "waitsForConsumer": True, "isForOnePod": False,
                         "controller": "", "provisioner": "example.org/local", "uid": first["uid"]}
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]}]}]
        server.client.json("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "disk"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": "/disk"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}})
        server.client.json("PATCH", f"{CLAIMS}/data", {"spec": {"volumeName": "disk"}}, "application/merge-patch+json")
        server.client.json("PATCH", f"{CLAIMS}/data/status", {"status": {"phase": "Bound"}}, "application/merge-patch+json")
        while not (bound := peer.until("claim", 30)[-1]["claim"])["isBound"] or "volume" not in bound:
            continue
        assert bound["volume"] == {"nodes": {"nodeSelectorTerms": terms}}
        server.client.json("DELETE", f"{CLAIMS}/data")
        # The claim's own finalizer keeps it until a controller takes that away, so it changes first.
        server.client.json("PATCH", f"{CLAIMS}/data", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        assert peer.until("claim-gone", 30)[-1]["name"] == "data"
