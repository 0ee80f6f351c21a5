"""The admission policies on a real API server, beside deploy/rbac.yaml: each kind of attack is refused.

Where the server has the kind ValidatingAdmissionPolicy, it evaluates them itself. Elsewhere a webhook stands in.
"""

from __future__ import annotations

import itertools
import re

import pytest

from deploy.admission_cases import JOB, MIRROR
from deploy.guarded_server import Guarded, Object, binding, event, events, path
from integration.site import pod_manifest

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
# Makes names of pods differ.
NUMBERS = itertools.count()

# The binder's credential in other hands


STATUS_ATTACKS: dict[str, Object] = {
    "address": {"status": {"podIP": "10.6.6.6", "podIPs": [{"ip": "10.6.6.6"}]}},
    "phase": {"status": {"phase": "Failed"}},
    "Ready": {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
    "gate": {"status": {"conditions": [{"type": "example.org/gate", "status": "True"}]}},
    "annotation": {"metadata": {"annotations": {"pbs-connector/job-id": "6.pbsserver"}}},
    "label": {"metadata": {"labels": {"app": "x"}}},
    "finalizer": {"metadata": {"finalizers": ["example.org/x"]}},
}


@pytest.mark.parametrize("attack", STATUS_ATTACKS)
def test_the_binders_token_writes_nothing_of_a_pod_but_its_two_conditions(guarded: Guarded, attack: str) -> None:
    name = f"status-{attack.lower()}"
    before = guarded.create(name, node="node1")
    guarded.refused("binder", "binder-status", "PATCH", f"{path(name)}/status", STATUS_ATTACKS[attack], STRATEGIC)
    after = guarded.server.pod("project", name)
    assert after == before


@pytest.mark.parametrize("namespace, scheduler", [("project", "default-scheduler"), ("kube-system", "pbs")])
def test_the_binders_token_reports_on_no_pod_that_is_not_of_pbs(guarded: Guarded, namespace: str, scheduler: str) -> None:
    guarded.create("reported", namespace, scheduler)
    guarded.refused("binder", "binder-status", "PATCH", f"{path('reported', namespace)}/status", {"status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}, STRATEGIC)


def test_the_binders_token_deletes_no_pod_that_is_not_of_pbs(guarded: Guarded) -> None:
    for namespace, scheduler in (("project", "default-scheduler"), ("kube-system", "pbs"), ("project", "pbs")):
        name = f"kept-{scheduler}"
        guarded.create(name, namespace, scheduler)
        guarded.refused("binder", "binder-delete", "DELETE", path(name, namespace))
        assert guarded.server.pod(namespace, name) is not None


@pytest.mark.parametrize("namespace, wrong", [
    ("kube-system", {}), ("project", {"annotations": {}}), ("project", {"annotations": {"pbs-connector/job-id": ""}}),
    ("project", {"annotations": {**JOB, "example.org/x": "y"}}), ("project", {"labels": {"app": "x"}})])
def test_the_binders_token_binds_for_a_job_and_in_namespaces_of_users(
        guarded: Guarded, namespace: str, wrong: Object) -> None:
    name = f"unbound-{next(NUMBERS)}"
    guarded.create(name, namespace)
    guarded.refused("binder", "binder-bind", "POST", f"{path(name, namespace)}/binding", binding(name, **wrong))
    pod = guarded.server.pod(namespace, name)
    assert pod is not None and "nodeName" not in pod["spec"]


@pytest.mark.parametrize("forged", [
    event("a", component="kubelet"), event("a", kind="ConfigMap"), event("a", namespace="kube-system")])
def test_the_binders_token_forges_no_events(guarded: Guarded, forged: Object) -> None:
    guarded.refused("binder", "binder-events", "POST", events(forged["metadata"]["namespace"]), forged)


def test_the_binders_token_changes_no_events_of_others(guarded: Guarded) -> None:
    guarded.server.client.json("POST", events(), event("of-others", component="kubelet"))
    guarded.refused("binder", "binder-events", "PATCH", f"{events()}/of-others.1", {"message": "all is well"}, MERGE)


@pytest.mark.parametrize("change", [
    {"spec": {"unschedulable": True}}, {"spec": {"taints": [{"key": "example.org/x", "effect": "NoSchedule"}]}},
    {"spec": {"taints": [{"key": "pbs-connector/offline", "effect": "NoExecute"}]}},
    {"metadata": {"labels": {"kubernetes.io/hostname": "x"}}}, {"metadata": {"annotations": {"x": "y"}}}])
def test_the_binders_token_changes_nothing_else_of_a_node(guarded: Guarded, change: Object) -> None:
    version = guarded.server.client.json("GET", "/version")["gitVersion"]
    if re.match(r"v1\.(0|1\d|20\.[0-5])(\D|$)|v0\.", version):
        pytest.skip(f"{version} tells webhooks a node's new state as the old one as well (CVE-2021-25735)")
    guarded.refused("binder", "binder-nodes", "PATCH", "/api/v1/nodes/node2", change, MERGE)


def test_the_binders_token_writes_and_takes_off_one_taint(guarded: Guarded) -> None:
    binder, offline = guarded.clients["binder"], {"key": "pbs-connector/offline", "value": "down", "effect": "NoSchedule"}
    before = binder.json("GET", "/api/v1/nodes/node2")["spec"].get("taints") or []
    for taints in ([*before, offline], before):
        changed = binder.json("PATCH", "/api/v1/nodes/node2", {"spec": {"taints": taints}, "metadata": {
            "labels": {"pbs.example/switch": "s1" if taints != before else None}}}, MERGE)
        assert [each["key"] for each in changed["spec"].get("taints") or []] == [each["key"] for each in taints]


def make_claim(guarded: Guarded, name: str, namespace: str = "project") -> str:
    folder = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    guarded.server.client.json("POST", folder, {"metadata": {"name": name, "annotations": {"example.org/x": "y"}}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
    return f"{folder}/{name}"


SELECTED = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "node1"}}}
CLAIM_ATTACKS: dict[str, Object] = {
    "volume": {"spec": {"volumeName": "pv-of-others"}},
    "annotation": {"metadata": {"annotations": {"example.org/x": "z"}}},
    "other-annotation": {"metadata": {"annotations": {"volume.kubernetes.io/storage-provisioner": "x"}}},
    "finalizer": {"metadata": {"finalizers": None}},
    "label": {"metadata": {"labels": {"app": "x"}}},
}


@pytest.mark.parametrize("attack", CLAIM_ATTACKS)
def test_the_binders_token_writes_nothing_of_a_claim_but_its_node(guarded: Guarded, attack: str) -> None:
    claim = make_claim(guarded, f"claim-{attack}")
    guarded.refused("binder", "binder-claims", "PATCH", claim, CLAIM_ATTACKS[attack], MERGE)


def test_the_binders_token_gives_a_claim_its_first_node_alone(guarded: Guarded) -> None:
    claim, binder = make_claim(guarded, "claim-once"), guarded.clients["binder"]
    assert binder.json("PATCH", claim, SELECTED, MERGE)["metadata"]["annotations"] == {
        "example.org/x": "y", **SELECTED["metadata"]["annotations"]}
    for node in ("node2", None):
        other = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}}
        guarded.refused("binder", "binder-claims", "PATCH", claim, other, MERGE)
    guarded.refused("binder", "binder-claims", "PATCH", make_claim(guarded, "claim", "kube-system"), SELECTED, MERGE)


# Users


@pytest.mark.parametrize("user", ["alice", "job-controller", "admin"])
def test_nobody_creates_a_pod_with_a_job(guarded: Guarded, user: str) -> None:
    manifest = pod_manifest("exported", namespace="project")
    manifest["metadata"]["annotations"] = JOB
    guarded.refused(user, "protected-keys", "POST", "/api/v1/namespaces/project/pods", manifest)


@pytest.mark.parametrize("change", [
    {"pbs-connector/job-id": "workq"}, {"pbs-connector/job-id": None}, {"pbs-connector/job-id": ""},
    {"pbs-connector/run-count": "2"}, {"pbs-connector/native-job-id": "7.pbsserver"}])
def test_a_user_changes_no_annotation_of_ours(guarded: Guarded, change: Object) -> None:
    name = f"annotated-{next(NUMBERS)}"
    guarded.create(name, node="node1")
    guarded.refused("alice", "protected-keys", "PATCH", path(name), {"metadata": {"annotations": change}}, MERGE)
    guarded.clients["alice"].json("PATCH", path(name), {"metadata": {"annotations": {"pbs-connector/queue": "long"}}}, MERGE)


def test_a_user_creates_no_pod_of_ours_on_a_node(guarded: Guarded) -> None:
    pods = "/api/v1/namespaces/project/pods"
    guarded.refused("alice", "node-name", "POST", pods, pod_manifest("placed", namespace="project", nodeName="node1"))
    guarded.clients["alice"].json("POST", pods, pod_manifest("placed", namespace="project", nodeName="node1",
                                                             scheduler="default-scheduler"))


def test_nobody_resizes_a_pod_of_ours_on_its_node(guarded: Guarded) -> None:
    resources = {each["name"] for each in guarded.server.client.json("GET", "/api/v1")["resources"]}
    if "pods/resize" not in resources:
        pytest.skip("this kube-apiserver has no pods/resize: that of Kubernetes 1.33 or later has")
    guarded.create("resized", node="node1")
    larger = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "2"}}}]}}
    guarded.refused("alice", "resize", "PATCH", f"{path('resized')}/resize", larger, STRATEGIC)
    # The job of one that waits gets the new size.
    guarded.create("waits-for-more")
    resized = guarded.clients["alice"].json("PATCH", f"{path('waits-for-more')}/resize", larger, STRATEGIC)
    assert resized["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "2"


def test_a_kubelet_creates_the_pods_of_native_jobs(guarded: Guarded) -> None:
    pod = pod_manifest("pbs-7-node1", scheduler="pbs-native-job", nodeName="node1")
    node = guarded.server.client.json("GET", "/api/v1/nodes/node1")
    pod["metadata"] |= {"annotations": MIRROR, "labels": {"pbs-connector/native-job": "7"}, "ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "node1", "uid": node["metadata"]["uid"], "controller": True}]}
    guarded.clients["kubelet"].json("POST", "/api/v1/namespaces/default/pods", pod)
    guarded.refused("kubelet", "protected-keys", "POST", "/api/v1/namespaces/default/pods", {
        **pod, "metadata": {**pod["metadata"], "name": "pbs-8-node1", "annotations": {**MIRROR, **JOB}}})
