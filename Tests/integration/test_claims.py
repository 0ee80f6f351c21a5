"""Volume claims are told with what their class says; without the right to read them that is said."""

from __future__ import annotations

from typing import Any

import pytest

from integration.watched import Watched, connect, next_of, watched
from simulators.kubernetes.faults import Fault, Status

Object = dict[str, Any]
__all__ = ["watched"]  # a fixture
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


def claim(name: str, **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], **spec}}


def late_class(name: str) -> Object:
    return {"metadata": {"name": name}, "provisioner": "example.org/local", "volumeBindingMode": "WaitForFirstConsumer"}


def test_claims_are_told_with_what_their_class_says(watched: Watched) -> None:
    kubernetes = watched.kubernetes
    kubernetes.request("POST", CLASSES, late_class("late"))
    kubernetes.request("POST", CLAIMS, claim("waiting", storageClassName="late"))
    kubernetes.request("POST", CLAIMS, claim("plain", storageClassName=""))
    kubernetes.request("POST", CLAIMS, claim("alone", storageClassName="later", accessModes=["ReadWriteOncePod"]))
    watched.start()
    with connect(watched) as peer:
        told = {message["claim"]["name"]: message["claim"] for message in peer.until("synced") if message["type"] == "claim"}
        assert {name: claim.pop("uid") for name, claim in told.items()} == {
            name: kubernetes.request("GET", f"{CLAIMS}/{name}")["metadata"]["uid"] for name in ("waiting", "plain", "alone")}
        assert told == {
            "waiting": {"namespace": "default", "name": "waiting", "isBound": False, "waitsForConsumer": True, "provisioner": "example.org/local",
                        "isForOnePod": False, "controller": ""},
            "plain": {"namespace": "default", "name": "plain", "isBound": False, "waitsForConsumer": False, "isForOnePod": False, "controller": ""},
            "alone": {"namespace": "default", "name": "alone", "isBound": False, "waitsForConsumer": False, "isForOnePod": True, "controller": ""}}
        kubernetes.request("POST", CLASSES, late_class("later"))
        changed = next_of(peer, "claim")["claim"]
        assert (changed["name"], changed["waitsForConsumer"]) == ("alone", True)
        kubernetes.request("PATCH", f"{CLAIMS}/waiting", {"metadata": {"annotations": {
            "volume.kubernetes.io/selected-node": "node1"}}}, "application/merge-patch+json")
        assert next_of(peer, "claim")["claim"]["selectedNode"] == "node1"
        kubernetes.request("PATCH", f"{CLAIMS}/waiting/status", {"status": {"phase": "Bound"}}, "application/merge-patch+json")
        assert next_of(peer, "claim")["claim"]["isBound"] is True
        kubernetes.request("DELETE", f"{CLAIMS}/plain")
        assert next_of(peer, "claim-gone") == {"type": "claim-gone", "namespace": "default", "name": "plain"}


@pytest.mark.parametrize("refused", ["persistentvolumeclaims", "storageclasses", "persistentvolumes"])
def test_without_the_right_to_read_claims_that_is_said_and_work_goes_on(watched: Watched, refused: str) -> None:
    watched.kubernetes.request("POST", CLAIMS, claim("data"))
    watched.kubernetes.faults.add(Fault(rf"GET .*/{refused}\?", Status(403)))
    watched.start()
    with connect(watched) as peer:
        told = peer.until("synced", 15)
    assert not [message for message in told if message["type"] == "claim"]
    (cluster,) = [message for message in told if message["type"] == "cluster"]
    assert cluster["cluster"]["claims"] is False
    log = watched.connector["kube-watcher"].log()
    assert log.count("goes on without volume claims") == 1 and "persistentvolumeclaims, storageclasses and persistentvolumes" in log
