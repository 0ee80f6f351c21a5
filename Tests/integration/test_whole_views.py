"""A view is complete or it is no view: lists that fail in the middle, versions that go back, another cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from integration.peer import Peer
from integration.site import pod_manifest
from integration.watched import OURS, Watched, connect, next_of, pods, watched
from simulators.kubernetes import KubernetesSimulator
from simulators.kubernetes.faults import Cut, Fault, Gone, LoseAnswer, Reset, Status, TooManyRequests

__all__ = ["watched"]  # a fixture
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


# Lists


@pytest.mark.parametrize("action", [Status(500), TooManyRequests(1), Reset(), Cut(), LoseAnswer(), Gone()],
                         ids=lambda action: type(action).__name__)
def test_a_list_whose_second_page_fails_begins_anew(watched: Watched, action: Any) -> None:
    for index in range(501):
        watched.kubernetes.create_pod(pod_manifest(f"done-{index}"))
        watched.kubernetes.set_pod_phase("default", f"done-{index}", "Succeeded")
    watched.kubernetes.create_pod(pod_manifest("waits"))
    watched.kubernetes.faults.add(Fault(r"GET /api/v1/pods\?.*continue=", action, count=1))
    watched.start()
    with connect(watched) as peer:
        told = peer.until("synced", 20)
    assert len(pods(told)) == 502 and "waits" in pods(told)
    is_next_page = ["continue=" in target for target in watched.listings("/api/v1/pods")]
    # A request that a kept connection swallows whole is sent again by libcurl itself.
    by_libcurl = [[False, True, True]] if isinstance(action, (Reset, LoseAnswer)) else []
    assert is_next_page in [[False, True, False, True], *by_libcurl]


def test_a_watch_begins_only_with_the_version_of_a_whole_list(watched: Watched) -> None:
    for index in range(501):
        watched.kubernetes.create_pod(pod_manifest(f"pod-{index}"))
    fault = watched.kubernetes.faults.add(Fault(r"GET /api/v1/pods\?.*continue=", Status(500)))
    watched.start()
    watched.kubernetes.wait(lambda _: fault.hits >= 2, 20)
    assert not [entry for entry in list(watched.kubernetes.requests.entries)
                if entry.verb == "watch" and entry.resource == "pods" and OURS in entry.target]
    with connect(watched) as peer:
        assert peer.until("ping")[-1]["ownsUntil"] == 0, "nothing is given before all is known"
        watched.kubernetes.faults.clear()
        assert len(pods(peer.until("synced", 40))) == 501


def test_watches_that_end_at_once_and_lists_that_do_not_help_are_repeated_with_backoff(watched: Watched) -> None:
    watched.kubernetes.faults.add(Fault(r"GET /api/v1/pods\?.*watch=", Gone()))
    watched.start()
    watched.kubernetes.wait(lambda _: len(watched.listings("/api/v1/pods")) >= 5, 30)
    moments = [entry.monotonic for entry in list(watched.kubernetes.requests.entries)
               if entry.verb == "list" and entry.resource == "pods" and "limit=500" in entry.target and OURS in entry.target][:5]
    pauses = [later - earlier for earlier, later in zip(moments, moments[1:])]
    assert pauses[3] > 0.35 and sum(pauses) > 0.7, pauses


# Objects


def test_an_object_that_cannot_be_read_hides_no_other(watched: Watched) -> None:
    kubernetes = watched.kubernetes
    kubernetes.create_pod(pod_manifest("before"))
    kubernetes.create_pod(pod_manifest("odd"))
    odd = kubernetes._store.get("pods", "default/odd")  # as no API server lets it be written
    assert odd is not None
    kubernetes._store.write("pods", "default/odd", {**odd.data, "spec": {**odd.data["spec"], "containers": "none"}}, "test")
    watched.start()
    watched.log("default/odd cannot be read")
    with connect(watched) as peer:
        assert pods(peer.until("synced")) == {"before"}
        kubernetes.set_pod_condition("default", "odd", "Ready", "True")
        kubernetes.create_pod(pod_manifest("after"))
        assert next_of(peer, "pod")["pod"]["metadata"]["name"] == "after"
        kubernetes.remove_pod("default", "odd")
        kubernetes.create_pod(pod_manifest("later"))
        assert next_of(peer, "pod")["pod"]["metadata"]["name"] == "later"
    assert watched.connector["kube-watcher"].log().count("odd cannot be read and is left") == 1


def test_a_pod_is_called_deleted_only_when_kubernetes_says_so(watched: Watched) -> None:
    kubernetes = watched.kubernetes
    for name in ("deleted", "missing"):
        kubernetes.create_pod(pod_manifest(name))
    watched.start()
    with connect(watched) as peer:
        peer.until("synced")
        kubernetes.remove_pod("default", "deleted")
        gone = next_of(peer, "pod-gone")
        assert (gone["pod"]["name"], gone["deleted"]) == ("deleted", True)
        kubernetes.stop()
        kubernetes.remove_pod("default", "missing")
        kubernetes.start()
        gone = next_of(peer, "pod-gone", 30)
        assert (gone["pod"]["name"], gone["deleted"]) == ("missing", False)
        # It comes back in the next view, and is told anew.
        kubernetes.create_pod(pod_manifest("missing"))
        assert next_of(peer, "pod")["pod"]["metadata"]["name"] == "missing"


# Versions that go back, and other clusters


def test_an_etcd_that_was_restored_is_noticed_and_listed_again(watched: Watched) -> None:
    """A pod is bound; a backup; 60 writes and another pod; the backup comes back; a new pod is created."""
    kubernetes = watched.kubernetes
    kubernetes.create_pod(pod_manifest("bound"))
    watched.start()
    with connect(watched) as peer:
        peer.until("synced")
        kubernetes.bind("default", "bound", "node1")
        assert next_of(peer, "pod")["pod"]["spec"]["nodeName"] == "node1"
        backup = kubernetes.backup()
        for index in range(60):
            kubernetes.patch_pod("default", "bound", {"metadata": {"labels": {"write": str(index)}}})
        kubernetes.create_pod(pod_manifest("lost"))
        while next_of(peer, "pod")["pod"]["metadata"]["name"] != "lost":
            pass
        kubernetes.restore(backup)
        gone = next_of(peer, "pod-gone", 40)
        assert (gone["pod"]["name"], gone["deleted"]) == ("lost", False)
        kubernetes.create_pod(pod_manifest("new"))
        while next_of(peer, "pod")["pod"]["metadata"]["name"] != "new":
            pass
        kubernetes.bind("default", "new", "node1")
        assert next_of(peer, "pod")["pod"]["spec"]["nodeName"] == "node1", "by the watch, not by another list"
    watched.log("etcd has been restored from a backup, or this is another cluster; listing again")


def restored_beyond(watched: Watched, peer: Peer, during: Callable[[Callable[[], None]], None]) -> None:
    """A backup comes back and has come beyond what was told; what became of pods in between, no watch shows."""
    kubernetes = watched.kubernetes
    for name in ("stays", "lost"):
        kubernetes.create_pod(pod_manifest(name))
        next_of(peer, "pod")
    backup = kubernetes.backup()
    kubernetes.remove_pod("default", "lost")
    next_of(peer, "pod-gone")
    for index in range(20):
        kubernetes.patch_pod("default", "stays", {"metadata": {"annotations": {"pbs-connector/walltime": str(index + 1)}}})
        next_of(peer, "pod")

    def history() -> None:
        kubernetes.remove_pod("default", "stays")
        kubernetes.create_pod(pod_manifest("unseen"))
        for index in range(40):
            kubernetes.create_node(f"other-{index}")

    during(lambda: kubernetes.restore(backup, history))
    assert next_of(peer, "pod-gone", 60)["pod"]["name"] == "stays"
    assert {next_of(peer, "pod", 60)["pod"]["metadata"]["name"] for _ in range(2)} == {"lost", "unseen"}


def test_a_restored_etcd_that_has_come_as_far_again_is_listed_again(watched: Watched) -> None:
    def during(restore: Callable[[], None]) -> None:
        watched.kubernetes.stop()
        # Longer than an API server takes to be restarted.
        time.sleep(6)
        restore()

    watched.start()
    with connect(watched) as peer:
        peer.until("synced")
        restored_beyond(watched, peer, during)
    watched.log("and may have been restored from a backup: listing again")


def test_what_a_watch_has_missed_is_listed_after_a_while(watched: Watched) -> None:
    """Not even a connection breaks for longer than a moment."""
    watched.configure("  list-interval: 5\n")
    watched.start()
    with connect(watched) as peer:
        peer.until("synced")
        restored_beyond(watched, peer, lambda restore: restore())


def test_another_cluster_behind_the_same_address_is_noticed(watched: Watched) -> None:
    kubernetes = watched.kubernetes
    kubernetes.create_pod(pod_manifest("old"))
    watched.start()
    with connect(watched) as peer:
        first = peer.until("synced")
        kubernetes.stop()
        # Its resourceVersions are beyond the first one's: only the UID tells.
        other = KubernetesSimulator(port=kubernetes.port)
        for index in range(50):
            other.create_node(f"other-{index}")
        other.create_pod(pod_manifest("new"))
        try:
            other.start()
            assert "goodbye" in {message["type"] for message in peer.until_closed(40)}
            watched.log("is of another cluster now")
            with watched.subscribe() as again:
                second = again.until("synced", 20)
        finally:
            other.stop()
    assert (pods(first), pods(second)) == ({"old"}, {"new"})
    identities = [next(message for message in messages if message["type"] == "cluster")["cluster"]["id"]
                  for messages in (first, second)]
    assert identities[0] != identities[1]


# The cluster's identity


def test_the_cluster_is_told_first(watched: Watched) -> None:
    watched.configure("  scheduler-name: [pbs, batch]\n")
    for name in ("one", "two"):
        watched.kubernetes.create_pod(pod_manifest(name))
    watched.start()
    with connect(watched) as peer:
        told = [message for message in peer.until("synced") if message["type"] not in ("hello", "ping")]
    uid = watched.kubernetes.request("GET", KUBE_SYSTEM)["metadata"]["uid"]
    assert told[0] == {"type": "cluster", "cluster": {"id": uid, "schedulerNames": ["batch", "pbs"], "claims": True, "nodeUse": True}}
    assert [message["type"] for message in told[1:]] == ["node", "pod", "pod", "synced"]


def test_a_configured_name_stands_for_the_cluster(watched: Watched) -> None:
    watched.configure("  cluster: science-1\n")
    watched.kubernetes.faults.add(Fault(f"GET {KUBE_SYSTEM}", Status(403)))
    watched.start()
    with connect(watched) as peer:
        (cluster,) = [message for message in peer.until("synced") if message["type"] == "cluster"]
    assert cluster["cluster"]["id"] == "science-1"
    assert watched.connector["kube-watcher"].log().count("another cluster at the same address would not be noticed") == 1


def test_without_an_identity_nothing_is_told_until_it_is_known(watched: Watched) -> None:
    watched.kubernetes.faults.add(Fault(f"GET {KUBE_SYSTEM}", Status(403), count=3))
    watched.start()
    line = watched.log("identity is not known")
    assert "right get on the namespace kube-system" in line and "kube-watcher.cluster" in line
    with watched.subscribe() as peer:
        assert "cluster" in {message["type"] for message in peer.until("synced", 20)}
    log = watched.connector["kube-watcher"].log()
    assert log.count("identity is not known") == 1
    assert "answers: the cluster is " in log


def test_a_cluster_name_that_could_not_stand_in_a_job_is_refused(watched: Watched) -> None:
    watched.configure("  cluster: a,b\n")
    process = watched.start()
    assert process.wait() == 1
    assert "kube-watcher.cluster must be" in process.log()
