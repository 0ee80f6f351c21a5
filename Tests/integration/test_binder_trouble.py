"""What fails, fails again: requests that cannot succeed are few, are said when they begin and when they end, and every
message is answered. Requests are counted for each kind of failure."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from deploy.manifests import read_documents
from integration.connector import REPOSITORY
from integration.lone_binder import LoneBinder, lone_binder
from integration.rights import grants
from real.kubernetes import RealKubernetes
from simulators.kubernetes import KubernetesSimulator
from simulators.kubernetes.faults import Fault, LoseAnswer, Reset, Status, TooManyRequests

BINDER = "system:serviceaccount:pbs-connector:binder"
# Seconds for which a fault lasts, and how often the played broker asks again: without any mercy.
LASTING, INTERVAL = 4.0, 0.05
# With rests of 0.5, 1, 2, 4 s and half of each by chance, so many requests fit into that.
FEW = 12


def requests_of(lone: LoneBinder, after: int = 0) -> list[Any]:
    return [entry for entry in list(lone.kubernetes.requests.entries)[after:]
            if entry.user_agent.startswith("binder/") and entry.target != "/version"]


@contextmanager
def faulty(lone: LoneBinder, fault: Fault) -> Iterator[None]:
    lone.kubernetes.faults.add(fault)
    try:
        yield
    finally:
        lone.kubernetes.faults.remove(fault)


def insist(lone: LoneBinder, pods: list[dict[str, Any]], ask: Callable[[dict[str, Any], int], None]) -> None:
    """Ask for all pods again and again while the fault lasts."""
    end = time.monotonic() + LASTING
    number = 0
    while time.monotonic() < end:
        for pod in pods:
            number += 1
            ask(pod, number)
        time.sleep(INTERVAL)  # paces what is asked for, waits for nothing


FAILURES = {"500": Status(500), "503": Status(503), "429": TooManyRequests(1), "reset": Reset(), "answer lost": LoseAnswer()}


@pytest.mark.parametrize("failure, request_kind", [
    ("500", "bind"), ("503", "bind"), ("503", "report"), ("503", "evict"), ("429", "report"), ("reset", "evict"),
    ("answer lost", "bind")])
def test_requests_to_a_server_in_trouble_are_few(tmp_path: Path, failure: str, request_kind: str) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        spec = {"nodeName": "node1"} if request_kind == "evict" else {}
        pods = [lone.create(f"pod-{number}", **spec) for number in range(8)]
        ask = {"bind": lambda pod, number: lone.broker.bind(pod, id=number),
               "report": lambda pod, number: lone.broker.report(pod, "job 5.pbs: held", id=number),
               "evict": lambda pod, number: lone.broker.evict(pod, id=number)}[request_kind]
        with faulty(lone, Fault(r"^\w+ /api/", FAILURES[failure])):
            insist(lone, pods, ask)
            # What was under way when it began, and one request after each rest.
            assert len(requests_of(lone)) <= len(pods) * 2 + FEW
            assert len(lone.lines("all requests rest")) == 1
            assert not lone.lines("answers again, after")
        lone.process.wait_for_log("answers again, after", 40)
        for pod in pods:
            ask(pod, 100_000)
        done = {"bind": "bound", "report": "reported", "evict": "deleted"}[request_kind]
        # "gone": a pod that no kubelet has goes at once, and may have gone by an answer that was lost.
        lone.kubernetes.wait(lambda _: {(outcome["pod"]["name"]) for outcome in list(lone.broker.outcomes)
                                        if outcome["result"] in (done, "gone")} == {f"pod-{number}" for number in range(8)}, 40)
        assert len(lone.lines("all requests rest")) == len(lone.lines("answers again, after")) == 1


def test_one_namespace_whose_webhook_fails_holds_nobody_else_up(tmp_path: Path) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        with faulty(lone, Fault(r"POST .*/pods/bad-.*/binding", Status(500))):
            bad = [lone.create(f"bad-{number}") for number in range(2)]
            for number in range(20):
                for pod in bad:
                    assert lone.broker.answer_to("bind", pod, id=number)["result"] == "retry"
                assert lone.broker.answer_to("bind", lone.create(f"good-{number}"), timeout=4)["result"] == "bound"
        assert not lone.lines("all requests rest")


def test_a_hanging_server_is_said_and_everything_is_answered(tmp_path: Path) -> None:
    """As behind a balancer that swallows all: each message has an outcome within a bound, and the words say why."""
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        pods = [lone.create(f"pod-{number}") for number in range(5)]
        lone.broker.answer_to("report", pods[0], message="job 5.pbs: held")
        simulator.stop()
        for number in range(5):
            lone.broker.bind(pods[number], id=number)
        outcomes = lone.broker.wait_outcomes(6, 45)[1:]
        assert {outcome["result"] for outcome in outcomes} == {"retry"}
        assert all("binder cannot write: " in outcome["message"] for outcome in outcomes)
        simulator.start()
        for number in range(5):
            lone.broker.bind(pods[number], id=10 + number)
        outcomes = lone.broker.wait_outcomes(11, 45)[6:]
        assert {outcome["result"] for outcome in outcomes} <= {"bound", "retry"}
        assert len(lone.lines("all requests rest")) == len(lone.lines("answers again, after")) == 1


# Rights


def rights_but(resource: str) -> list[Any]:
    documents = read_documents((REPOSITORY / "deploy" / "rbac.yaml").read_text())
    rules = [rule for user, rule, _ in grants(documents) if user == BINDER]
    return [rule for rule in rules if rule["resources"] != [resource]]


@pytest.mark.parametrize("resource, verb, ask", [
    ("pods/binding", "create", "bind"), ("pods/status", "patch", "report"), ("pods", "get", "evict"),
])
def test_a_missing_right_is_said_once_with_its_rule(tmp_path: Path, resource: str, verb: str, ask: str) -> None:
    with (KubernetesSimulator(rbac=True, tokens={"admin": ("admin", ["system:masters"]), "binder": BINDER}) as simulator):
        simulator.authorise(BINDER, rights_but(resource))
        simulator.create_node("node1")
        with lone_binder(simulator, tmp_path, token="binder") as lone:
            pod = lone.create("redis")
            for number in range(10):
                fields = {"message": f"job 5.pbs: {'x' * number}"} if ask == "report" else {}
                assert lone.broker.answer_to(ask, pod, id=number, **fields)["result"] in ("refused", "retry")
            (line,) = lone.lines("the ClusterRole of binder needs")
            assert f"does not let us {verb} {resource}" in line
            assert f'{{apiGroups: [""], resources: [{resource}], verbs: [{verb}]}}' in line
            simulator.authorise(BINDER, rights_but("none"))
            fields = {"message": "held"} if ask == "report" else {}
            spec = {"nodeName": "node1"} if ask == "evict" else {}
            assert lone.broker.answer_to(ask, lone.create("other", **spec), **fields)["result"] in ("bound", "reported", "deleted")
            assert len(lone.lines(f"lets us {verb} {resource} now")) == 1


def test_events_without_a_right_to_them_are_few_requests_and_one_line(tmp_path: Path) -> None:
    with (KubernetesSimulator(rbac=True, tokens={"admin": ("admin", ["system:masters"]), "binder": BINDER}) as simulator):
        simulator.authorise(BINDER, rights_but("events"))
        simulator.create_node("node1")
        with lone_binder(simulator, tmp_path, token="binder") as lone:
            for number in range(100):
                assert lone.broker.answer_to("bind", lone.create(f"pod-{number}"))["result"] == "bound"
            lone.process.wait_for_log("does not let us create events")
            time.sleep(3)  # a span in which requests are counted
            assert sum(entry.resource == "events" for entry in requests_of(lone)) <= 12
            assert len(lone.lines("does not let us create events")) == 1
            assert not lone.lines("could not be written")


def test_an_event_whose_answer_is_lost_is_written_once(tmp_path: Path) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        pod = lone.create("redis")
        with faulty(lone, Fault(r"POST .*/events", LoseAnswer(), count=1)):
            assert lone.broker.answer_to("report", pod, message="held")["result"] == "reported"
            lone.kubernetes.wait(lambda _: [entry.status for entry in requests_of(lone) if entry.resource == "events"]
                                 in ([0, 409], [201, 409]), 15)
        assert [event["count"] for event in lone.events_of("redis")] == [1]
        assert not lone.lines("could not be written")


def test_an_event_waits_until_the_server_takes_it(tmp_path: Path) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        pod = lone.create("redis")
        with faulty(lone, Fault(r"POST .*/events", Status(503), count=3)):
            assert lone.broker.answer_to("report", pod, message="held")["result"] == "reported"
            assert lone.wait_event("redis", "FailedScheduling")["message"] == "held"
        assert sum(entry.resource == "events" for entry in requests_of(lone)) == 4


def test_an_event_that_has_expired_is_written_anew(tmp_path: Path) -> None:
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path, "binder:\n  event-interval: 0\n") as lone:
        pod = lone.create("redis")
        lone.broker.answer_to("report", pod, message="held")
        name = lone.wait_event("redis", "FailedScheduling")["metadata"]["name"]
        simulator.request("DELETE", f"/api/v1/namespaces/default/events/{name}")
        lone.broker.answer_to("report", pod, message="held")
        assert lone.wait_event("redis", "FailedScheduling")["count"] == 2


def test_a_policy_that_refuses_one_pod_is_no_missing_right_and_no_conflict(tmp_path: Path) -> None:
    """An admission policy answers 422 (Invalid) by default: it is refused, and not tried round after round."""
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        pod = lone.create("redis")
        with faulty(lone, Fault(r"PATCH .*/status", Status(422))):
            assert lone.broker.answer_to("report", pod, message="held")["result"] == "refused"
        assert [entry.method for entry in requests_of(lone)] == ["GET", "PATCH", "GET"]


# The credential


@contextmanager
def revocable(folder: Path, user: dict[str, object]) -> Iterator[tuple[KubernetesSimulator, LoneBinder]]:
    """A binder whose token the server forgets when the test says so."""
    with KubernetesSimulator(tokens={"admin": ("admin", ["system:masters"]), "old": "binder"}) as simulator:
        kubeconfig = folder / "kubeconfig"
        simulator.write_kubeconfig(kubeconfig)
        document = json.loads(kubeconfig.read_text())
        document["users"][0]["user"] = user
        kubeconfig.write_text(json.dumps(document))
        simulator.create_node("node1")
        with lone_binder(simulator, folder, kubeconfig=kubeconfig) as lone:
            yield simulator, lone


def test_a_token_that_is_refused_for_good_ends_the_process(tmp_path: Path) -> None:
    with revocable(tmp_path, {"token": "old"}) as (simulator, lone):
        pods = [lone.create(f"pod-{number}") for number in range(3)]
        assert lone.broker.answer_to("bind", pods[0])["result"] == "bound"
        simulator.forget_token("old")
        outcome = lone.broker.answer_to("bind", pods[1])
        assert outcome["result"] == "retry" and "401" in outcome["message"]
        assert lone.process.wait_for_log("refuses the credential: 401", 1), "at once"
        end = time.monotonic() + 40
        number = 0
        while lone.process.is_running and time.monotonic() < end:
            number += 1
            try:
                lone.broker.bind(pods[2], id=number)
            except (AssertionError, OSError):
                break  # it has gone
            time.sleep(INTERVAL)
        assert lone.process.wait(20) == 1
        assert "refuses the credential: 401" in lone.process.lines[-1] and simulator.url in lone.process.lines[-1]
        assert len(requests_of(lone)) < 25


def test_a_token_file_that_is_renewed_is_waited_for(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    with revocable(tmp_path, {"tokenFile": str(token)}) as (simulator, lone):
        pods = [lone.create(f"pod-{number}") for number in range(3)]
        assert lone.broker.answer_to("bind", pods[0])["result"] == "bound"
        simulator.forget_token("old")
        insist(lone, pods[1:], lambda pod, number: lone.broker.bind(pod, id=number))
        assert lone.process.is_running
        assert len(lone.lines("refuses the credential: 401")) == 1
        # Each try is two requests: the second one with the file read again.
        assert len(requests_of(lone)) <= 2 * (len(pods) * 2 + FEW)
        simulator.know_token("new", "binder")
        token.write_text("new")
        lone.process.wait_for_log("answers again, after", 40)
        assert re.search("after [0-9.]+ s", lone.lines("answers again, after")[0])


DOOMED = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: doomed, namespace: pbs-connector}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: pbs-connector-doomed}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pbs-connector-binder}
subjects:
- {kind: ServiceAccount, name: doomed, namespace: pbs-connector}
"""


def test_an_account_that_is_deleted_on_a_real_server_ends_the_process(
        tmp_path: Path, real_kubernetes: RealKubernetes) -> None:
    api = real_kubernetes
    api.apply(REPOSITORY / "deploy" / "rbac.yaml")
    api.apply(DOOMED)
    if not any(node["metadata"]["name"] == "node1" for node in api.nodes()):
        api.create_node("node1")
    token = api.service_account_token("pbs-connector", "doomed")
    with lone_binder(api, tmp_path, token=token) as lone:
        pods = [lone.create(f"doomed-{number}") for number in range(2)]
        try:
            assert lone.broker.answer_to("bind", pods[0])["result"] == "bound"
            api.client.json("DELETE", "/api/v1/namespaces/pbs-connector/serviceaccounts/doomed")
            end = time.monotonic() + 60
            number = 0
            while lone.process.is_running and time.monotonic() < end:
                number += 1
                try:
                    lone.broker.report(pods[1], "job 5.pbs: held", id=number)
                except (AssertionError, OSError):
                    break  # it has gone
                time.sleep(INTERVAL)
            assert lone.process.wait(20) == 1
            assert "refuses the credential: 401" in lone.process.lines[-1]
        finally:
            for pod in pods:
                api.remove_pod("default", pod["metadata"]["name"])
