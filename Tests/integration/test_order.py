"""What kube-watcher tells may come in any order: nothing follows before it has told all."""

from __future__ import annotations

import socket
import time
from typing import Any

from integration.peer import Peer
from integration.site import Site

UID = "22222222-0000-0000-0000-000000000000"


def bound_pod(job_id: str, node: str, uid: str = UID) -> dict[str, Any]:
    """A pod message as kube-watcher sends it for a bound pod that the broker owns."""
    annotations = {"pbs-connector/job-id": job_id, "pbs-connector/run-count": "1"}
    pod = {"metadata": {"name": "told", "namespace": "default", "uid": uid, "annotations": annotations},
           "spec": {"schedulerName": "pbs", "nodeName": node, "containers": [{"name": "main"}]},
           "status": {"phase": "Running"}}
    return {"type": "pod", "owner": "pbs-broker", "pod": pod}


def test_a_pod_told_before_its_node_is_not_deleted(site: Site) -> None:
    variables = {"KUBERNETES_POD_UID": UID, "KUBERNETES_POD_NAME": "told", "KUBERNETES_POD_NAMESPACE": "default"}
    job = site.pbs.wait_for_state(site.pbs.submit("told", variables=variables).id, "R", 42)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(site.connector.socket("kube-watcher")))
        site.connector.socket("kube-watcher").chmod(0o660)
        listener.listen()
        broker = site.connector.start_process("pbs-broker")
        connection, _ = listener.accept()
        # The job is known when the second listing has begun.
        site.pbs.wait(lambda pbs: pbs.served.get("listing", 0) > 1)
        with Peer(connection=connection) as watcher, Peer(site.connector.socket("pbs-broker")) as observer:
            observer.until("synced")
            watcher.hello("kube-watcher")
            watcher.send({"type": "ping", "ownsUntil": time.monotonic() + 60})
            watcher.send(bound_pod(job.id, job.hosts[0]))
            looks = site.pbs.served["listing"]
            site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 3)
            watcher.send({"type": "node", "node": {"metadata": {"name": job.hosts[0]}}})
            watcher.send({"type": "synced"})
            broker.wait_for_log("kube-watcher has told all")
            # What ends the pod is what PBS says then, and nothing has before.
            site.pbs.delete(job.id)
            messages = observer.until("evict", 10 * site.patience)
            assert [message["type"] for message in messages] == ["evict"]
            assert f"terminated by {site.pbs.user}@" in messages[0]["message"]


def test_a_mass_disappearance_is_one_although_the_pods_are_told_one_by_one(site: Site) -> None:
    """A machine starts with a PBS that has lost its jobs: the first pods are told, looked at, then the others."""
    # With a job that it knows the broker keeps looking.
    variables = {"KUBERNETES_POD_UID": UID, "KUBERNETES_POD_NAME": "known", "KUBERNETES_POD_NAMESPACE": "default"}
    known = site.pbs.submit("known", variables=variables, user=site.pbs.submitter)
    _, _, server = site.pbs.wait_for_state(known.id, "R", 42).id.partition(".")
    # Numbers that no PBS has given yet.
    lost = [f"{9_000_000 + index}.{server}" for index in range(12)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(site.connector.socket("kube-watcher")))
        site.connector.socket("kube-watcher").chmod(0o660)
        listener.listen()
        broker = site.connector.start_process("pbs-broker")
        connection, _ = listener.accept()
        with Peer(connection=connection) as watcher, Peer(site.connector.socket("pbs-broker")) as observer:
            observer.until("synced")
            watcher.hello("kube-watcher")
            watcher.send({"type": "ping", "ownsUntil": time.monotonic() + 60})
            watcher.send({"type": "node", "node": {"metadata": {"name": "node1"}}})
            for index, job_id in enumerate(lost):
                watcher.send(bound_pod(job_id, "node1", f"uid-{index}"))
                if index == 4:
                    looks = site.pbs.served["listing"]
                    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 3)
            watcher.send({"type": "synced"})
            broker.wait_for_log("running jobs have vanished from PBS at once")
            assert "has ended" not in broker.log()
            observer.until("evict", 10)


def test_a_node_that_is_deleted_ends_no_pod(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("kept")
    node = site.wait_bound("kept")["spec"]["nodeName"]
    site.kubernetes.delete_node(node)
    site.connector.restart("pbs-broker")
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 6)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]
    assert len(site.jobs_of(pod["metadata"]["uid"])) == 1
