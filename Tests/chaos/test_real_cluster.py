"""What happens on a real API server is recorded, whoever does it, and through the server's death."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.cluster import NAMESPACE
from chaos.downtime import Downtime
from chaos.lasting import Lasting
from chaos.real_cluster import RealCluster
from integration.site import pod_manifest
from real.kubernetes import RealKubernetes
from real.kubernetes_client import KubernetesClient
from simulators.pbs.timers import Timers

pytestmark = pytest.mark.real_api

BINDER = f"system:serviceaccount:{NAMESPACE}:binder"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"no real Kubernetes here: {reason}")
    it = RealCluster(tmp_path / "kubernetes", seed=1, seconds=60)
    try:
        it.begin(["node1"])
        yield it
    finally:
        it.end()


def client_of_binder(cluster: RealCluster, folder: Path) -> KubernetesClient:
    """A client with the credential, and by the way, that binder has."""
    cluster.write_kubeconfig(folder / "binder.kubeconfig", "binder")
    config = json.loads((folder / "binder.kubeconfig").read_text())
    return KubernetesClient(config["clusters"][0]["cluster"]["server"], folder / "kubernetes" / "ca.crt",
                            config["users"][0]["user"]["token"])


def test_the_record_has_all_that_happens_to_a_pod_and_who_deleted_it(cluster: RealCluster, tmp_path: Path) -> None:
    binder = client_of_binder(cluster, tmp_path)
    downtime, timers = Downtime(), Timers()
    kinds = {kind.name: kind for kind in cluster.faults(timers, Lasting(timers), downtime).kinds()}
    pods = "/api/v1/namespaces/default/pods"
    pod = cluster.api.create_pod(pod_manifest("one", terminationGracePeriodSeconds=2))
    binder.json("POST", f"{pods}/one/binding", {
        "apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "node1"},
        "metadata": {"name": "one", "annotations": {"pbs-connector/job-id": "1.pbsserver"}}})
    cluster.api.wait(lambda api: api.pod("default", "one")["status"]["phase"] == "Running", 30)

    assert kinds["kubernetes killed"].strike(random.Random(1)) is not None
    while downtime.is_down("kubernetes"):
        # Nothing else is waited for than the moment at which the next look at the server is due.
        time.sleep(timers.seconds_to_next() or 0.0)
        timers.run_due()
    binder.forget_connections()
    binder.json("DELETE", f"{pods}/one", {"apiVersion": "v1", "kind": "DeleteOptions"})
    cluster.api.wait(lambda api: api.pod("default", "one") is None, 30)

    record = [entry for entry in cluster.evidence() if entry.kind != "condition"]
    assert {entry.uid for entry in record} == {pod["metadata"]["uid"]}
    # By the audit log the server received the request, by etcd it carried it out; so is kubelet's, in two steps.
    assert [(entry.kind, entry.user) for entry in record] == [
        ("created", ""), ("bound", ""), ("phase", ""), ("deleting", BINDER), ("deleting", ""), ("deleting", ""),
        ("gone", "")]
    assert record[1].node == "node1" and record[1].annotations["pbs-connector/job-id"] == "1.pbsserver"
    cluster.check()
