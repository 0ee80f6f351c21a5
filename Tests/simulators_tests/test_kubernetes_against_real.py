"""The same requests to a real kube-apiserver and to the simulator of its version: both must answer alike.

Covers what the recordings do not: refusals, conflicts, graceful deletion,
patches of each kind, selectors, RBAC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from real.kubernetes import RealKubernetes
from simulators.kubernetes import KubernetesSimulator
from simulators.kubernetes.release import RELEASES

from .kubernetes_client import request
from .test_kubernetes_recordings import VARYING

pytestmark = pytest.mark.real_api

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"
NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
UNORDERED = (f"{PODS}?watch=true&timeoutSeconds=1", f"{PODS}?watch=true&timeoutSeconds=1&resourceVersion=0")
WRONG_UID = "11111111-0000-0000-0000-000000000000"
ALWAYS_VARYING = (
    *VARYING,
    (re.compile(r"resource version: \d+, current: \d+"), "resource version: N, current: N"),
    (re.compile(r"too old resource version: \d+ \(\d+\)"), "too old resource version: N (N)"),
    (re.compile(r'"(?:\d+s|\d+m\d+s|\d+h(?:\d+m)?|\d+d(?:\d+h)?|\d+y(?:\d+d)?)"'), '"AGE"'),
    # A difference of two specs as Go prints them.
    (re.compile(r"\\n(?:[\xa0 ]+core\.PodSpec\{|@@ ).*?(?=\",\s*\"(?:reason|field)\")"), ""),
    # Which build of the release it is.
    (re.compile(r'"(gitVersion|gitCommit|goVersion)":\s*"[^"]*"'), r'"\1": "BUILD"'),
    (re.compile(r"ResourceVersion in (the precondition|record) \(\d+\)"), r"ResourceVersion in \1 (N)"),
)


@dataclass(frozen=True)
class Step:
    """One request. `{uid}` in its body is the UID of pod `a`, `{rv}` in its path that pod's first resourceVersion."""

    name: str
    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"
    user: str = "admin"
    accept: str = "application/json"


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "busybox", "resources": {"requests": {"cpu": "500m", "memory": "64Mi"}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"schedulerName": "pbs", "containers": [container], **spec}}


def container(**resources: dict[str, str]) -> dict[str, Any]:
    return {"name": "c", "image": "busybox:1", "resources": resources}


def bind(name: str, node: str, **metadata: Any) -> Step:
    return Step(f"bind {name} to {node} {metadata or ''}", "POST", f"{PODS}/{name}/binding",
                {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, **metadata},
                 "target": {"apiVersion": "v1", "kind": "Node", "name": node}})


STEPS = (
    Step("create", "POST", PODS, pod("a")),
    Step("create b", "POST", PODS, pod("b", terminationGracePeriodSeconds=7, nodeSelector={"x": "y"})),
    Step("create c", "POST", PODS, pod("c", containers=[container(limits={"cpu": "1.50", "memory": "1024Mi"})],
                                       tolerations=[{"operator": "Exists"}])),
    Step("create d", "POST", PODS, pod("d", containers=[container()], initContainers=[
        {"name": "i", "image": "x@sha256:0", "resources": {"requests": {"cpu": "0.1", "memory": "1.5Gi"}}}])),
    Step("create e", "POST", PODS, pod("e", priorityClassName="system-node-critical", restartPolicy="Never",
                                       activeDeadlineSeconds=60, volumes=[{"name": "v"}])),
    Step("create without containers", "POST", PODS, pod("bad", containers=[])),
    Step("create with request over limit", "POST", PODS,
         pod("bad", containers=[container(requests={"cpu": "2"}, limits={"cpu": "1"})])),
    Step("create with negative request", "POST", PODS, pod("bad", containers=[container(requests={"cpu": "-1"})])),
    Step("create with bad suffix", "POST", PODS, pod("bad", containers=[container(requests={"memory": "1Xi"})])),
    Step("create with bad suffix of known letters", "POST", PODS,
         pod("bad", containers=[container(limits={"memory": "1iK"})])),
    Step("create with bad overhead", "POST", PODS, pod("bad", initContainers=[container(limits={"cpu": "x"})])),
    Step("create with exponent", "POST", PODS, pod("f", containers=[container(requests={"memory": "12e6",
                                                                                        "cpu": "1e-1"})])),
    Step("create with big and small quantities", "POST", PODS,
         pod("g", containers=[container(requests={"memory": "0.5Ki", "cpu": "0.0001"})])),
    Step("create with a bad name", "POST", PODS, pod("Bad_name")),
    Step("create without a name", "POST", PODS, {"apiVersion": "v1", "kind": "Pod", "spec": pod("x")["spec"]}),
    Step("create of unknown priority class", "POST", PODS, pod("bad", priorityClassName="nosuch")),
    Step("create with unknown restart policy", "POST", PODS, pod("bad", restartPolicy="Perhaps")),
    Step("create in no namespace", "POST", "/api/v1/namespaces/nosuch/pods", pod("a")),
    Step("create in another namespace", "POST", PODS, {**pod("a"), "metadata": {"name": "a", "namespace": "other"}}),
    Step("create without namespace", "POST", "/api/v1/pods", pod("a")),
    Step("get", "GET", f"{PODS}/a"),
    Step("no such resource", "GET", "/api/v1/namespaces/default/nosuch"),
    Step("no such group", "GET", "/apis/nosuch.example/v1/things"),
    Step("list by label", "GET", f"{PODS}?labelSelector=app%3Da"),
    Step("list by label set", "GET", f"{PODS}?labelSelector=app+in+(a,b),app!%3Db"),
    Step("list by absent label", "GET", f"{PODS}?labelSelector=!app"),
    Step("list with limit", "GET", f"{PODS}?limit=4"),
    Step("list by fields", "GET", f"{PODS}?fieldSelector=status.phase!%3DPending,spec.nodeName%3Dx"),
    Step("list at a version to come", "GET", f"{PODS}?resourceVersion=99999999"),
    Step("list at no version", "GET", f"{PODS}?resourceVersion=x"),
    Step("list with wrong continue", "GET", f"{PODS}?limit=1&continue=x"),
    Step("list nodes by a pod's field", "GET", "/api/v1/nodes?fieldSelector=spec.nodeName%3Dx"),
    Step("list events by object", "GET", f"{EVENTS}?fieldSelector=involvedObject.uid%3Dx,involvedObject.name%3Dy"),
    Step("merge patch of labels", "PATCH", f"{PODS}/a", {"metadata": {"labels": {"x": "1", "app": None}}}, MERGE),
    Step("patch that changes nothing", "PATCH", f"{PODS}/a", {"metadata": {"labels": {"x": "1"}}}, MERGE),
    Step("patch with another uid", "PATCH", f"{PODS}/a", {"metadata": {"uid": WRONG_UID, "labels": {"y": "1"}}}, MERGE),
    Step("patch of status with another uid", "PATCH", f"{PODS}/a/status",
         {"metadata": {"uid": WRONG_UID}, "status": {"reason": "x"}}, STRATEGIC),
    Step("patch with the right uid", "PATCH", f"{PODS}/a", {"metadata": {"uid": "{uid}", "labels": {"y": "1"}}}, MERGE),
    Step("patch at another version", "PATCH", f"{PODS}/a", {"metadata": {"resourceVersion": "1"}}, MERGE),
    Step("patch of a spec", "PATCH", f"{PODS}/a", {"spec": {"schedulerName": "other"}}, MERGE),
    Step("patch of an image", "PATCH", f"{PODS}/a",
         {"spec": {"containers": [{"name": "c", "image": "other:2"}]}}, STRATEGIC),
    Step("patch of status through the pod", "PATCH", f"{PODS}/a", {"status": {"phase": "Running"}}, MERGE),
    Step("patch of spec through the status", "PATCH", f"{PODS}/a/status", {"spec": {"schedulerName": "x"}}, MERGE),
    Step("patch of nothing there", "PATCH", f"{PODS}/nosuch", {"metadata": {}}, MERGE),
    Step("patch in an unknown form", "PATCH", f"{PODS}/a", {"metadata": {}}, "application/json"),
    Step("condition", "PATCH", f"{PODS}/a/status", {"status": {"conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "x", "message": "y",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}, STRATEGIC),
    Step("second condition", "PATCH", f"{PODS}/a/status", {"status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}, STRATEGIC),
    Step("change of the first condition", "PATCH", f"{PODS}/a/status", {"status": {"conditions": [
        {"type": "DisruptionTarget", "message": "z"}]}}, STRATEGIC),
    Step("json patch", "PATCH", f"{PODS}/a", [{"op": "add", "path": "/metadata/labels/z", "value": "1"},
                                              {"op": "remove", "path": "/metadata/labels/y"}], JSON_PATCH),
    Step("json patch with failing test", "PATCH", f"{PODS}/a",
         [{"op": "test", "path": "/metadata/labels/z", "value": "2"}], JSON_PATCH),
    Step("update with another uid", "PUT", f"{PODS}/a",
         {**pod("a"), "metadata": {"name": "a", "uid": WRONG_UID}}),
    Step("update at an old version", "PUT", f"{PODS}/a",
         {**pod("a"), "metadata": {"name": "a", "resourceVersion": "1"}}),
    Step("update under another name", "PUT", f"{PODS}/a", pod("b")),
    Step("update of nothing there", "PUT", f"{PODS}/nosuch", pod("nosuch")),
    Step("update of the spec", "PUT", f"{PODS}/a", pod("a", nodeName="x")),
    Step("bind under another name", "POST", f"{PODS}/a/binding",
         {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "b"}, "target": {"name": "n"}}),
    Step("bind to nothing", "POST", f"{PODS}/a/binding",
         {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node"}}),
    Step("bind to a service", "POST", f"{PODS}/a/binding",
         {"kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Service", "name": "x"}}),
    bind("a", "node1", annotations={"pbs-connector/job-id": "1.s"}, labels={"from": "binding"}),
    Step("bound pod", "GET", f"{PODS}/a"),
    bind("a", "node1"),
    bind("b", "nosuch", uid=WRONG_UID),
    Step("binding of the older name", "POST", "/api/v1/namespaces/default/bindings",
         {"kind": "Binding", "metadata": {"name": "c"}, "target": {"kind": "Node", "name": "node1"}}),
    Step("delete with grace period", "DELETE", f"{PODS}/b"),
    Step("delete again", "DELETE", f"{PODS}/b"),
    bind("b", "node1"),
    Step("delete again with more time", "DELETE", f"{PODS}/b", {"gracePeriodSeconds": 60}),
    Step("delete again with less time", "DELETE", f"{PODS}/b", {"gracePeriodSeconds": 3}),
    Step("delete again at once", "DELETE", f"{PODS}/b", {"gracePeriodSeconds": 0}),
    Step("deleted pod", "GET", f"{PODS}/b"),
    Step("delete of nothing there", "DELETE", f"{PODS}/b"),
    Step("delete an unbound pod", "DELETE", f"{PODS}/d"),
    Step("deleted unbound pod", "GET", f"{PODS}/d"),
    Step("delete at another version", "DELETE", f"{PODS}/a", {"preconditions": {"resourceVersion": "1"}}),
    Step("delete with the right uid", "DELETE", f"{PODS}/a?gracePeriodSeconds=9", {"preconditions": {"uid": "{uid}"}}),
    Step("finish", "PATCH", f"{PODS}/c/status", {"status": {"phase": "Succeeded"}}, MERGE),
    Step("delete a finished pod", "DELETE", f"{PODS}/c"),
    Step("deleted finished pod", "GET", f"{PODS}/c"),
    Step("finalizer", "PATCH", f"{PODS}/e", {"metadata": {"finalizers": ["example.com/x"]}}, MERGE),
    Step("delete with finalizer", "DELETE", f"{PODS}/e"),
    Step("pod with finalizer", "GET", f"{PODS}/e"),
    Step("bind a deleting pod that was not bound", *(getattr(bind("e", "node1"), part)
                                                     for part in ("method", "path", "body"))),
    Step("finalizer done", "PATCH", f"{PODS}/e", {"metadata": {"finalizers": None}}, MERGE),
    Step("pod without finalizer", "GET", f"{PODS}/e"),
    Step("event of another namespace", "POST", EVENTS, {
        "metadata": {"name": "e1"}, "involvedObject": {"kind": "Pod", "namespace": "other", "name": "a"}}),
    Step("event without reason", "POST", NEW_EVENTS,
         {"metadata": {"name": "e1"}, "regarding": {"namespace": "default"}}),
    Step("event of the new group", "POST", NEW_EVENTS, {
        "metadata": {"name": "e2"}, "eventTime": "2026-11-24T00:00:00.000000Z", "action": "Binding",
        "reason": "Scheduled", "type": "Normal", "note": "n",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "a"},
        "reportingController": "pbs-connector", "reportingInstance": "b"}),
    Step("event of the new group in the old one", "GET", f"{EVENTS}/e2"),
    Step("event of the old group", "POST", EVENTS, {
        "metadata": {"name": "e3"}, "involvedObject": {"kind": "Pod", "namespace": "default", "name": "a"},
        "reason": "r", "message": "m", "type": "Warning", "count": 1, "source": {"component": "pbs-connector"},
        "firstTimestamp": "2026-11-24T00:00:00Z", "lastTimestamp": "2026-11-24T00:00:00Z"}),
    Step("event of the old group in the new one", "GET", f"{NEW_EVENTS}/e3"),
    Step("event counted", "PATCH", f"{EVENTS}/e3", {"count": 2, "message": "m2"}, STRATEGIC),
    Step("lease", "POST", LEASES, {"metadata": {"name": "l"}, "spec": {
        "holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-11-24T00:00:00.000000Z"}}),
    Step("lease updated without version", "PUT", f"{LEASES}/l", {"metadata": {"name": "l"}, "spec": {
        "holderIdentity": "b"}}),
    Step("lease updated at an old version", "PUT", f"{LEASES}/l", {
        "metadata": {"name": "l", "resourceVersion": "1"}, "spec": {"holderIdentity": "b"}}),
    Step("lease without time", "POST", LEASES, {"metadata": {"name": "m"}, "spec": {"leaseDurationSeconds": 0}}),
    Step("no such lease", "GET", f"{LEASES}/nosuch"),
    Step("delete lease", "DELETE", f"{LEASES}/l"),
    Step("json that is none", "POST", PODS, b"{"),
    Step("another kind", "POST", PODS, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}),
    Step("may not get", "GET", f"{PODS}/a", user="binder"),
    Step("may not list all", "GET", "/api/v1/pods", user="binder"),
    Step("may not bind", "POST", f"{PODS}/a/binding", {}, user="binder"),
    Step("may not patch status", "PATCH", f"{PODS}/a/status", {}, MERGE, user="binder"),
    Step("may not write leases", "PUT", f"{LEASES}/x", {}, user="binder"),
    Step("may not read a path", "GET", "/metrics", user="binder"),
    Step("may read the version", "GET", "/version", user="binder"),
    Step("kubelet deletes a deleting pod of another node", "DELETE", f"{PODS}/a", user="node2"),
    bind("f", "node1"),
    Step("kubelet deletes a pod of another node", "DELETE", f"{PODS}/f", user="node2"),
    Step("kubelet deletes at once a deleting pod of another node", "DELETE", f"{PODS}/a", {"gracePeriodSeconds": 0},
         user="node2"),
    Step("kubelet deletes a pod of its own", "DELETE", f"{PODS}/a", {"gracePeriodSeconds": 0}, user="node1"),
    *(Step(f"table of {name}", "GET", path, accept=TABLE) for name, path in (
        ("pods", PODS), ("a pod", f"{PODS}/f"), ("nodes", "/api/v1/nodes"), ("events", EVENTS),
        ("namespaces", "/api/v1/namespaces"))),
    *(Step(f"watch {what}", "GET", f"/api/v1/pods?watch=true&resourceVersion={{rv}}&timeoutSeconds=1&{selector}",
           accept=accept)
      for what, selector, accept in (
          ("of all", "", JSON), ("of bound pods", "fieldSelector=spec.nodeName%3Dnode1", JSON),
          ("of unbound pods", "fieldSelector=spec.nodeName%3D", JSON),
          ("of labelled pods", "labelSelector=app%3Da", JSON),
          ("of finished pods", "fieldSelector=status.phase%3DSucceeded", JSON),
          ("as tables", "fieldSelector=spec.nodeName%3Dnode1", TABLE))),
    *(Step(f"watch from {what}", "GET", path) for what, path in zip(("now", "any version"), UNORDERED)),
    Step("watch with a wrong selector", "GET", f"{PODS}?watch=true&fieldSelector=x%3Dy"),
    Step("delete a node", "DELETE", "/api/v1/nodes/node1"),
    Step("delete no node", "DELETE", "/api/v1/nodes/nosuch"),
)

Send = Callable[[Step, bytes | None], tuple[int, str]]


def normalised(text: str) -> str:
    """Without what differs from run to run, and without managedFields, whose rules the simulator only sketches.

    A text of several lines is that of a watch.
    """
    for pattern, word in ALWAYS_VARYING:
        text = pattern.sub(word, text)
    try:
        lines = [json.dumps(_comparable(json.loads(line))) for line in text.splitlines()]
        # An event like the one before it is of a write that has changed nothing but managedFields.
        return "\n".join(line for line, before in zip(lines, ["", *lines]) if line != before)
    except ValueError:
        return text.strip()


def _comparable(value: Any) -> Any:
    """Without managedFields, and without the texts that explain a table's columns."""
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if key not in ("managedFields", "description")}
    return [_comparable(item) for item in value] if isinstance(value, list) else value


def run(send: Send, nodes: Callable[[str], Any]) -> dict[str, tuple[int, str]]:
    """The answers to all steps, from a fresh server."""
    answers: dict[str, tuple[int, str]] = {}
    for name in ("node1", "node2"):
        nodes(name)
    uid = version = ""
    for step in STEPS:
        body = step.body if isinstance(step.body, bytes) or step.body is None else json.dumps(step.body).encode()
        if body is not None:
            body = body.replace(b"{uid}", uid.encode())
        status, text = send(replace(step, path=step.path.replace("{rv}", version)), body)
        if step.name == "create":
            uid, version = (json.loads(text)["metadata"][key] for key in ("uid", "resourceVersion"))
        text = normalised(text)
        # A watch that begins with what is there tells it in no order.
        answers[step.name] = status, "\n".join(sorted(text.splitlines())) if step.path in UNORDERED else text
    return answers


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealKubernetes]:
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    with RealKubernetes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def release(cluster: RealKubernetes) -> str:
    """Of the simulator: the one of the server, or none, and then there is nothing to compare."""
    version = cluster.client.json("GET", "/version")
    for release in RELEASES.values():
        if (version["major"], version["minor"]) == (release.version_document["major"], release.version_document["minor"]):
            return release.name
    pytest.skip(f"the simulator has the releases {', '.join(RELEASES)}, the server here is {version['gitVersion']}")


@pytest.fixture(scope="module")
def real_answers(cluster: RealKubernetes) -> dict[str, tuple[int, str]]:
    clients = {user: cluster.client_of(user) for user in cluster.tokens}

    def send(step: Step, body: bytes | None) -> tuple[int, str]:
        answer = clients[step.user].request(step.method, step.path, body, step.content_type, {"Accept": step.accept})
        return answer.status, answer.body.decode()

    return run(send, cluster.create_node)


@pytest.fixture(scope="module")
def simulated_answers(release: str) -> Iterator[dict[str, tuple[int, str]]]:
    tokens = {"admin": ("admin", ["system:masters"]), "binder": ("binder", []),
              "node1": ("system:node:node1", ["system:nodes"]), "node2": ("system:node:node2", ["system:nodes"])}
    with KubernetesSimulator(version=release, tokens=tokens, rbac=True) as simulator:
        for node in ("node1", "node2"):
            simulator.authorise(f"system:node:{node}", [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]}])

        def send(step: Step, body: bytes | None) -> tuple[int, str]:
            answer = request(simulator, step.method, step.path, body, step.content_type, step.user,
                             Accept=step.accept)
            return answer.status, answer.body.decode()

        yield run(send, simulator.create_node)


@pytest.mark.parametrize("name", [step.name for step in STEPS])
def test_simulator_answers_as_the_real_server(
        real_answers: dict[str, tuple[int, str]], simulated_answers: dict[str, tuple[int, str]], name: str) -> None:
    assert simulated_answers[name] == real_answers[name]


def test_every_step_has_a_name_of_its_own() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
