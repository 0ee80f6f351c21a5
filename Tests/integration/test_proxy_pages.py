"""What answers in the API server's place (a proxy, a balancer, a page to sign in) is not taken for the API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.lone_binder import lone_binder
from integration.watched import Watched, connect, next_of, watched
from simulators.kubernetes import KubernetesSimulator
from simulators.kubernetes.faults import Fault, Proxy, Status

__all__ = ["watched"]  # a fixture

PAGES = {
    "a redirect": Proxy(302, b"", headers=(("Location", "https://sign-in.example/"),)),
    "a page to sign in": Proxy(200),
    "forbidden": Proxy(403),
    "not found": Proxy(404, b"404 page not found\n", "text/plain; charset=utf-8"),
    "not allowed": Proxy(405),
    "conflict": Proxy(409, b'{"error": "conflict"}', "application/json"),
    "unprocessable": Proxy(422, b'{"message": "no"}', "application/json"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_no_answer_to_binder(tmp_path: Path, page: str) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        pods = {kind: lone.create(kind) for kind in ("bind", "report")} | {"evict": lone.create("evict", nodeName="node1")}
        fault = simulator.faults.add(Fault(r"^\w+ /api/", PAGES[page]))
        answers = {}
        for kind, pod in pods.items():
            if kind == "report":
                answers[kind] = lone.broker.answer_to(kind, pod, message="job 5.pbs: held", timeout=40)
            else:
                answers[kind] = lone.broker.answer_to(kind, pod, timeout=40)
        assert {answer["result"] for answer in answers.values()} == {"retry"}, answers
        simulator.faults.remove(fault)
        done = {"bind": "bound", "report": "reported", "evict": "deleted"}
        for number, (kind, pod) in enumerate(pods.items(), 10):
            fields = {"message": "job 5.pbs: held"} if kind == "report" else {}
            for turn in range(20):
                answer = lone.broker.answer_to(kind, pod, timeout=40, id=number * 100 + turn, **fields)
                if answer["result"] != "retry":
                    break
            assert answer["result"] == done[kind]


@pytest.mark.parametrize("page", ["forbidden", "not found", "a redirect", "a page to sign in"])
def test_a_page_is_no_answer_to_kube_watcher(watched: Watched, page: str) -> None:
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    watched.kubernetes.request("POST", claims, {"metadata": {"name": "data"}, "spec": {}})
    fault = watched.kubernetes.faults.add(Fault(r"GET .*(persistentvolumeclaims|storageclasses|kube-system)", PAGES[page]))
    watched.start()
    watched.kubernetes.wait(lambda _: fault.hits >= 4, 30)
    watched.kubernetes.faults.remove(fault)
    with connect(watched) as peer:
        told = peer.until("synced", 40)
        (cluster,) = [message for message in told if message["type"] == "cluster"]
        assert cluster["cluster"]["claims"] is True
        assert [message["claim"]["name"] for message in told if message["type"] == "claim"] == ["data"]
    log = watched.connector["kube-watcher"].log()
    assert "goes on without volume claims" not in log and "would not be noticed" not in log


def test_a_right_that_is_refused_for_a_moment_takes_no_claim_away(watched: Watched) -> None:
    """As by an API server that has just started, and does not know its rules yet."""
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    watched.kubernetes.request("POST", claims, {"metadata": {"name": "data"}, "spec": {}})
    watched.start()
    with connect(watched) as peer:
        peer.until("synced", 20)
        fault = watched.kubernetes.faults.add(Fault(r"GET .*persistentvolumeclaims", Status(403), count=3))
        watched.kubernetes.stop()
        watched.kubernetes.start()
        watched.kubernetes.wait(lambda _: fault.hits == 3, 60)
        watched.kubernetes.request("POST", claims, {"metadata": {"name": "more"}, "spec": {}})
        assert next_of(peer, "claim", 60)["claim"]["name"] == "more"
    assert "goes on without volume claims" not in watched.connector["kube-watcher"].log()
