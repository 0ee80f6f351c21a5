"""What a pod's managedFields tell of its origin, in the simulator and in a real API server alike: a Binding leaves
nothing in them, whoever sets spec.nodeName at the creation and whoever writes an annotation does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from real.kubernetes import RealKubernetes
from simulators.kubernetes import KubernetesSimulator

from .kubernetes_client import request

PODS = "/api/v1/namespaces/default/pods"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JOB_ID = "pbs-connector/job-id"

Object = dict[str, Any]


class Server(Protocol):
    def send(self, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Object: ...


class Simulated:
    def __init__(self, simulator: KubernetesSimulator) -> None:
        self._simulator = simulator

    def send(self, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Object:
        answer = request(self._simulator, method, path, body, content_type)
        assert answer.status < 300, answer.body
        result: Object = answer.json
        return result


class Real:
    def __init__(self, cluster: RealKubernetes) -> None:
        self._client = cluster.client

    def send(self, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Object:
        return self._client.json(method, path, body, content_type=content_type)


@pytest.fixture(scope="module", params=["1.20", "1.36", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param != "real":
        with KubernetesSimulator(request.param) as simulator:
            yield Simulated(simulator)
        return
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    with RealKubernetes() as cluster:
        yield Real(cluster)


def created(server: Server, annotations: dict[str, str] | None = None, **spec: Any) -> str:
    """The name of a new pod."""
    name = f"pod-{uuid.uuid4().hex[:8]}"
    server.send("POST", PODS, {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"schedulerName": "pbs", "containers": [{"name": "c", "image": "lab/busybox:1"}], **spec}})
    return name


def bind(server: Server, name: str) -> None:
    server.send("POST", f"{PODS}/{name}/binding", {
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "annotations": {JOB_ID: "5.pbsserver"}},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "node1"}})


def origin(server: Server, name: str) -> tuple[bool, bool]:
    """Whether somebody owns spec.nodeName, and whether somebody owns the annotation with the job's id."""
    fields = [entry.get("fieldsV1", {}) for entry in server.send("GET", f"{PODS}/{name}")["metadata"]["managedFields"]]
    return (any("f:nodeName" in entry.get("f:spec", {}) for entry in fields),
            any(f"f:{JOB_ID}" in entry.get("f:metadata", {}).get("f:annotations", {}) for entry in fields))


def test_a_binding_leaves_nothing_in_managed_fields(server: Server) -> None:
    name = created(server)
    bind(server, name)
    pod = server.send("GET", f"{PODS}/{name}")
    assert (pod["spec"]["nodeName"], pod["metadata"]["annotations"][JOB_ID]) == ("node1", "5.pbsserver")
    assert origin(server, name) == (False, False)


def test_what_is_done_to_a_bound_pod_later_changes_nothing_in_that(server: Server) -> None:
    name = created(server)
    bind(server, name)
    server.send("PATCH", f"{PODS}/{name}", {"metadata": {"annotations": {"other": "x"}}}, MERGE)
    server.send("PATCH", f"{PODS}/{name}/status", {"status": {"phase": "Running"}}, STRATEGIC)
    pod = server.send("GET", f"{PODS}/{name}")
    pod["metadata"]["labels"] = {"app": "x"}
    server.send("PUT", f"{PODS}/{name}", pod)
    assert origin(server, name) == (False, False)


def test_a_node_name_given_at_the_creation_is_in_managed_fields(server: Server) -> None:
    assert origin(server, created(server, nodeName="node1")) == (True, False)
    assert origin(server, created(server, {JOB_ID: "5.pbsserver"}, nodeName="node1")) == (True, True)


def test_an_annotation_that_somebody_writes_is_in_managed_fields(server: Server) -> None:
    name = created(server)
    server.send("PATCH", f"{PODS}/{name}", {"metadata": {"annotations": {JOB_ID: "workq"}}}, MERGE)
    assert origin(server, name) == (False, True)
    # A Binding that replaces it leaves the entry of whoever wrote it first.
    bind(server, name)
    assert server.send("GET", f"{PODS}/{name}")["metadata"]["annotations"][JOB_ID] == "5.pbsserver"
    assert origin(server, name) == (False, True)


def test_an_annotation_written_over_that_of_a_binding_is_in_managed_fields(server: Server) -> None:
    name = created(server)
    bind(server, name)
    server.send("PATCH", f"{PODS}/{name}", {"metadata": {"annotations": {JOB_ID: "workq"}}}, MERGE)
    assert origin(server, name) == (False, True)


def test_whoever_may_update_a_pod_can_clear_its_managed_fields(server: Server) -> None:
    name = created(server, {JOB_ID: "5.pbsserver"}, nodeName="node1")
    server.send("PATCH", f"{PODS}/{name}", {"metadata": {"managedFields": [{}]}}, MERGE)
    assert not server.send("GET", f"{PODS}/{name}")["metadata"].get("managedFields")


@pytest.mark.parametrize("depth", [1, 400])
def test_what_a_client_says_of_managers_is_taken_over_however_deep(server: Server, depth: int) -> None:
    fields: Object = {}
    for _ in range(depth):
        fields = {"f:a": fields}
    entry = {"manager": "somebody", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": fields}}
    spec = {"containers": [{"name": "main", "image": "busybox"}]}
    name = f"nested-{uuid.uuid4()}"
    for fields_of, is_taken in ((entry, True), ({**entry, "fieldsV1": {"f:spec": 5}}, False)):
        pod = server.send("POST", PODS, {"metadata": {"name": f"{name}-{is_taken}".lower(), "managedFields": [fields_of]}, "spec": spec})
        told = [each["fieldsV1"] for each in pod["metadata"]["managedFields"] if each["manager"] == "somebody"]
        assert told == ([entry["fieldsV1"]] if is_taken else [])
