"""Requests to an API server: what is done every day, and attacks, each with the policies that must refuse it.

A request is the `request` of an AdmissionReview (admission.k8s.io/v1), as an API server passes it to admission.
"""

from __future__ import annotations

import copy
from typing import Any

from integration.rights import service_account

Object = dict[str, Any]

BINDER = service_account("pbs-connector", "binder")
KEYS = ("job-id", "run-count", "exec-vnode", "estimated-start", "devices", "native-job", "native-job-id", "native-job-holds")
JOB = {"pbs-connector/job-id": "5.pbsserver", "pbs-connector/run-count": "1"}
MIRROR = {"kubernetes.io/config.mirror": "0a1b", "kubernetes.io/config.source": "file",
          "pbs-connector/native-job-id": "7.pbsserver", "pbs-connector/native-job-holds": "ncpus=2"}
USERS = {"binder": (BINDER, ["system:serviceaccounts"]), "alice": ("alice", ["system:authenticated"]),
         "kubelet": ("system:node:node1", ["system:nodes", "system:authenticated"]),
         "pretender": ("system:node:node1", ["system:authenticated"]),
         "job-controller": (service_account("kube-system", "job-controller"), ["system:serviceaccounts"]),
         "admin": ("admin", ["system:masters"])}
CONDITION = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "job 5.pbsserver: ..."}
READY = {"type": "Ready", "status": "True"}


def pod(scheduler: str = "pbs", namespace: str = "project", annotations: Object | None = None, labels: Object | None = None,
        node: str = "", status: Object | None = None) -> Object:
    metadata: Object = {"name": "a", "namespace": namespace, "uid": "1-2-3"}
    metadata |= {"annotations": annotations} if annotations is not None else {}
    metadata |= {"labels": labels} if labels is not None else {}
    spec = {"schedulerName": scheduler, "containers": [{"name": "main", "image": "busybox"}]}
    spec |= {"nodeName": node} if node else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status or {"phase": "Pending"}}


def bound(**options: Any) -> Object:
    return pod(**{"annotations": JOB, "node": "node1", "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [
        {"type": "PodScheduled", "status": "True"}, READY]}, **options})


def changed(before: Object, **members: Any) -> Object:
    """The object with members of it replaced: status__podIP="..." is status.podIP; None takes it away."""
    after = copy.deepcopy(before)
    for path, value in members.items():
        *folders, name = path.split("__")
        place = after
        for folder in folders:
            place = place[folder]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return after


def binding(annotations: Object | None = None, kind: str = "Node", **metadata: Any) -> Object:
    metadata = {"name": "a", **metadata, **({"annotations": annotations} if annotations is not None else {})}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"kind": kind, "name": "node1"}}


def event(kind: str = "Pod", component: str = "pbs-connector", uid: str = "1-2-3", **members: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a.1", "namespace": "project"}, "reason": "JobEnded",
            "involvedObject": {"kind": kind, "namespace": "project", "name": "a", "uid": uid}, "type": "Warning",
            "message": "...", "source": {"component": component}, "reportingComponent": component, "count": 1, **members}


def node(*taints: Object, labels: Object | None = None, **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node1", "labels": {"kubernetes.io/hostname": "node1", **(labels or {})}},
            "spec": {"podCIDR": "10.0.0.0/24", **({"taints": list(taints)} if taints else {}), **spec},
            "status": {"allocatable": {"cpu": "8"}}}


def claim(annotations: Object | None = None, namespace: str = "project", **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {
        "name": "a", "namespace": namespace, "uid": "1-2-3", "annotations": {"example.org/x": "y", **(annotations or {})}, **metadata},
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}},
            "status": {"phase": "Pending"}}


SELECTED = {"volume.kubernetes.io/selected-node": "node1"}
CLAIMS = "persistentvolumeclaims"
OFFLINE = {"key": "pbs-connector/offline", "value": "down", "effect": "NoSchedule"}
REPAIR = {"key": "example.org/repair", "effect": "NoExecute"}


def request(user: str, operation: str, resource: str, new: Object | None = None, old: Object | None = None,
            namespace: str = "project", name: str = "a") -> Object:
    """The `request` of an AdmissionReview. The namespace is that of the object if it has one.

    As in the server, a member that is empty is not there, but `object` and `oldObject` always are.
    """
    username, groups = USERS[user]
    plural, _, subresource = resource.partition("/")
    kind = (new or old or {"kind": "Pod"})["kind"]
    texts = {"name": name, "subResource": subresource}
    return {"uid": "4-5-6", "operation": operation, **{key: text for key, text in texts.items() if text},
            "namespace": (new or old or {"metadata": {}})["metadata"].get("namespace", namespace),
            "kind": {"group": "", "version": "v1", "kind": kind},
            "resource": {"group": "", "version": "v1", "resource": plural},
            "userInfo": {"username": username, "groups": groups}, "object": new, "oldObject": old}


def create(user: str, new: Object, resource: str = "pods", **options: Any) -> Object:
    return request(user, "CREATE", resource, new, **options)


def update(user: str, old: Object, resource: str = "pods", **members: Any) -> Object:
    return request(user, "UPDATE", resource, changed(old, **members), old)


def delete(user: str, old: Object | None, **options: Any) -> Object:
    return request(user, "DELETE", "pods", None, old, **options)


# What is done every day: by the connector, by those who use it, and by Kubernetes itself.
ORDINARY = {
    "binder binds": create("binder", binding(JOB), "pods/binding"),
    "binder binds with more annotations of ours": create("binder", binding({**JOB, "pbs-connector/devices": "0"}), "pods/binding"),
    "binder evicts": delete("binder", bound()),
    "binder reports the first condition": update("binder", pod(), "pods/status", status={
        "phase": "Pending", "conditions": [CONDITION]}),
    "binder changes its condition": update("binder", pod(status={"phase": "Pending", "conditions": [CONDITION]}), "pods/status",
                                           status__conditions=[{**CONDITION, "message": "job 6.pbsserver: ..."}]),
    "binder says why a pod ends": update("binder", bound(), "pods/status", status__conditions=[
        {"type": "PodScheduled", "status": "True"}, READY, {"type": "DisruptionTarget", "status": "True"}]),
    "binder writes an Event": create("binder", event(), "events"),
    "binder counts an Event up": request("binder", "UPDATE", "events", event(count=2), event()),
    "binder writes an Event about a node": create(
        "binder", event(metadata={"name": "node1.1", "namespace": "default"}, reason="HostDiffers",
                        involvedObject={"kind": "Node", "name": "node1", "uid": "1-2-3"}), "events"),
    "binder taints a node": update("binder", node(REPAIR), "nodes", spec__taints=[REPAIR, OFFLINE]),
    "binder takes its taint off": update("binder", node(OFFLINE), "nodes", spec__taints=None),
    "binder labels a node": update("binder", node(), "nodes", metadata__labels={
        "kubernetes.io/hostname": "node1", "pbs.example/switch": "s1"}),
    "binder gives a claim its node": update("binder", claim(), CLAIMS, metadata__annotations={"example.org/x": "y", **SELECTED}),
    "binder gives the first annotation to a claim": request(
        "binder", "UPDATE", CLAIMS, changed(claim(), metadata__annotations=SELECTED), changed(claim(), metadata__annotations=None)),
    "provisioner gives a node up": update("admin", claim(SELECTED), CLAIMS, metadata__annotations={"example.org/x": "y"}),
    "administrator taints a node": update("admin", node(), "nodes", spec__taints=[REPAIR]),
    "kubelet writes its node's status": update("kubelet", node(), "nodes/status", status={}),
    "user creates a pod": create("alice", pod()),
    "binder writes PBS's estimate": update("binder", pod(), "pods/status", metadata__annotations={"pbs-connector/estimated-start": "x"}),
    "user creates a pod with options": create("alice", pod(annotations={"pbs-connector/queue": "long"})),
    "user creates a pod of another scheduler on a node": create("alice", pod("default-scheduler", node="node1")),
    "user labels his bound pod": update("alice", bound(labels={}), metadata__labels={"app": "x"}),
    "user changes an option": update("alice", bound(), metadata__annotations={**JOB, "pbs-connector/queue": "long"}),
    "user deletes his pod": delete("alice", bound()),
    "user resizes a waiting pod": update("alice", pod(), "pods/resize"),
    "user resizes a pod of another scheduler": update("alice", bound(scheduler="default-scheduler"), "pods/resize"),
    "administrator deletes a pod of kube-system": delete("admin", pod("default-scheduler", namespace="kube-system")),
    "controller creates a pod of a template": create("job-controller", pod(labels={"job-name": "x"})),
    "controller takes its finalizer off": update("job-controller", changed(bound(), metadata__finalizers=["batch/x"]),
                                                 metadata__finalizers=None),
    "kubelet writes the status of a pod": update("kubelet", bound(), "pods/status", status={
        "phase": "Succeeded", "podIP": "10.0.0.1", "conditions": []}),
    "kubelet creates a native job's pod": create("kubelet", pod(
        "pbs-native-job", "default", MIRROR, {"pbs-connector/native-job": "7"}, "node1")),
    "kubelet creates a static pod": create("kubelet", pod("pbs", annotations={"kubernetes.io/config.mirror": "0a"}, node="node1")),
}

# Each attack, with the policies that must refuse it, without the prefix of their names.
ATTACKS = {
    # With the binder's credential.
    "binder deletes in kube-system": (delete("binder", bound(namespace="kube-system")), "binder-delete"),
    "binder deletes a pod of another scheduler": (delete("binder", bound(scheduler="default-scheduler")), "binder-delete"),
    "binder deletes a pod without a job": (delete("binder", pod()), "binder-delete"),
    "binder deletes a pod with an empty job": (delete("binder", pod(annotations={"pbs-connector/job-id": ""})), "binder-delete"),
    "binder deletes a collection": (delete("binder", None, name=""), "binder-delete"),
    "binder sets podIP": (update("binder", bound(), "pods/status", status__podIP="10.6.6.6"), "binder-status"),
    "binder adds hostIP": (update("binder", bound(), "pods/status", status__hostIP="10.6.6.6"), "binder-status"),
    "binder removes podIP": (update("binder", bound(), "pods/status", status__podIP=None), "binder-status"),
    "binder sets the phase": (update("binder", bound(), "pods/status", status__phase="Failed"), "binder-status"),
    "binder sets Ready": (update("binder", bound(), "pods/status", status__conditions=[
        {"type": "PodScheduled", "status": "True"}, {**READY, "status": "False"}]), "binder-status"),
    "binder adds a condition": (update("binder", bound(), "pods/status", status__conditions=[
        {"type": "PodScheduled", "status": "True"}, READY, {"type": "example.org/gate", "status": "True"}]), "binder-status"),
    "binder removes all conditions": (update("binder", bound(), "pods/status", status__conditions=None), "binder-status"),
    "binder reports on a pod of another scheduler": (update("binder", pod("default-scheduler"), "pods/status", status={
        "phase": "Pending", "conditions": [CONDITION]}), "binder-status"),
    "binder reports in kube-system": (update("binder", pod(namespace="kube-system"), "pods/status", status={
        "phase": "Pending", "conditions": [CONDITION]}), "binder-status"),
    "binder annotates by the status": (update("binder", bound(), "pods/status", metadata__annotations={}), "binder-status"),
    "binder labels by the status": (update("binder", bound(), "pods/status", metadata__labels={"app": "x"}), "binder-status"),
    "binder adds a finalizer by the status": (update("binder", bound(), "pods/status", metadata__finalizers=["x/y"]),
                                              "binder-status"),
    "binder changes a pod": (update("binder", bound(), metadata__labels={"app": "x"}), "binder-status"),
    "binder creates a pod": (create("binder", pod()), "binder-status"),
    "binder binds in kube-system": (create("binder", binding(JOB), "pods/binding", namespace="kube-system"), "binder-bind"),
    "binder binds without a job": (create("binder", binding(), "pods/binding"), "binder-bind"),
    "binder binds with an empty job": (create("binder", binding({"pbs-connector/job-id": ""}), "pods/binding"), "binder-bind"),
    "binder binds with an annotation of others": (create("binder", binding({**JOB, "example.org/x": "y"}), "pods/binding"),
                                                  "binder-bind"),
    "binder binds with a label": (create("binder", binding(JOB, labels={"app": "x"}), "pods/binding"), "binder-bind"),
    "binder binds to no node": (create("binder", binding(JOB, kind="Service"), "pods/binding"), "binder-bind"),
    "binder binds by the old resource": (create("binder", binding(), "bindings"), "binder-bind"),
    "binder writes an Event about a node elsewhere": (create("binder", event(kind="Node"), "events"), "binder-events"),
    "binder forges an Event of kubelet": (create("binder", event(component="kubelet"), "events"), "binder-events"),
    "binder forges the reporter": (create("binder", event(reportingComponent="kubelet"), "events"), "binder-events"),
    "binder changes an Event of kubelet": (request("binder", "UPDATE", "events", event(), event(component="kubelet")),
                                           "binder-events"),
    "binder turns an Event to another pod": (request("binder", "UPDATE", "events", event(uid="9"), event()), "binder-events"),
    "binder writes an Event in kube-system": (create("binder", event(metadata={"name": "a.1", "namespace": "kube-system"}),
                                                     "events"), "binder-events"),
    "binder evicts by a taint": (update("binder", node(), "nodes", spec__taints=[{**OFFLINE, "effect": "NoExecute"}]),
                                 "binder-nodes"),
    "binder taints with another key": (update("binder", node(), "nodes", spec__taints=[REPAIR]), "binder-nodes"),
    "binder takes another's taint off": (update("binder", node(REPAIR), "nodes", spec__taints=None), "binder-nodes"),
    "binder cordons a node": (update("binder", node(), "nodes", spec__unschedulable=True), "binder-nodes"),
    "binder uncordons a node": (update("binder", node(unschedulable=True), "nodes", spec__unschedulable=None), "binder-nodes"),
    "binder labels a node with another key": (update("binder", node(), "nodes", metadata__labels={
        "kubernetes.io/hostname": "node2"}), "binder-nodes"),
    "binder takes a label off": (update("binder", node(), "nodes", metadata__labels=None), "binder-nodes"),
    "binder annotates a node": (update("binder", node(), "nodes", metadata__annotations={"x": "y"}), "binder-nodes"),
    "binder writes a node's status": (update("binder", node(), "nodes/status", status={}), "binder-nodes"),
    "binder creates a node": (create("binder", node(), "nodes"), "binder-nodes"),
    "binder gives a claim another node": (update("binder", claim(SELECTED), CLAIMS, metadata__annotations={
        "example.org/x": "y", "volume.kubernetes.io/selected-node": "node2"}), "binder-claims"),
    "binder takes a claim's node away": (update("binder", claim(SELECTED), CLAIMS, metadata__annotations={"example.org/x": "y"}), "binder-claims"),
    "binder annotates a claim": (update("binder", claim(), CLAIMS, metadata__annotations={"example.org/x": "y", "a": "b"}), "binder-claims"),
    "binder changes a claim's annotation": (update("binder", claim(), CLAIMS, metadata__annotations={"example.org/x": "z"}), "binder-claims"),
    "binder names a claim's volume": (update("binder", claim(), CLAIMS, spec__volumeName="pv-of-others"), "binder-claims"),
    "binder asks for more for a claim": (update("binder", claim(), CLAIMS, spec__resources={"requests": {"storage": "1Ti"}}), "binder-claims"),
    "binder labels a claim": (update("binder", claim(), CLAIMS, metadata__labels={"app": "x"}), "binder-claims"),
    "binder takes a claim's protection off": (update("binder", claim(finalizers=["kubernetes.io/pvc-protection"]), CLAIMS,
                                                     metadata__finalizers=None), "binder-claims"),
    "binder gives a claim an owner": (update("binder", claim(), CLAIMS, metadata__ownerReferences=[{"uid": "1"}]), "binder-claims"),
    "binder writes a claim's status": (update("binder", claim(), f"{CLAIMS}/status", status={"phase": "Bound"}), "binder-claims"),
    "binder creates a claim": (create("binder", claim(), CLAIMS), "binder-claims"),
    "binder writes a claim of kube-system": (update("binder", claim(namespace="kube-system"), CLAIMS, metadata__annotations={
        "example.org/x": "y", **SELECTED}), "binder-claims"),
    # By users, and by controllers on their behalf.
    **{f"{who} creates a pod with annotation {key}": (create(who, pod(annotations={f"pbs-connector/{key}": "5.pbsserver"})),
                                                      "protected-keys") for who in ("alice", "job-controller") for key in KEYS},
    **{f"user creates a pod with label {key}": (create("alice", pod(labels={f"pbs-connector/{key}": "5"})), "protected-keys")
       for key in KEYS},
    "user applies an exported pod": (create("alice", bound()), "protected-keys node-name"),
    "user writes PBS's estimate": (update("alice", pod(), metadata__annotations={"pbs-connector/estimated-start": "x"}), "protected-keys"),
    "user annotates a waiting pod": (update("alice", pod(), metadata__annotations=JOB), "protected-keys"),
    "user changes a bound pod's job": (update("alice", bound(), metadata__annotations={
        **JOB, "pbs-connector/job-id": "workq"}), "protected-keys"),
    "user empties a bound pod's job": (update("alice", bound(), metadata__annotations={
        **JOB, "pbs-connector/job-id": ""}), "protected-keys"),
    "user removes a bound pod's job": (update("alice", bound(), metadata__annotations=None), "protected-keys"),
    "user annotates by the status": (update("alice", pod(), "pods/status", metadata__annotations=JOB), "protected-keys"),
    "user labels a pod as a native job's": (update("alice", bound(), metadata__labels={"pbs-connector/native-job": "7"}),
                                            "protected-keys"),
    "user binds with an annotation": (create("alice", binding(JOB), "pods/binding"), "protected-keys"),
    "user binds by the old resource": (create("alice", binding(JOB), "bindings"), "protected-keys"),
    "administrator annotates a pod": (update("admin", pod(), metadata__annotations=JOB), "protected-keys"),
    "user poses as a mirror pod": (create("alice", pod("pbs-native-job", annotations=MIRROR)), "protected-keys"),
    "user named as a kubelet": (create("pretender", pod("pbs-native-job", annotations=MIRROR)), "protected-keys"),
    "kubelet creates a pod with a job": (create("kubelet", pod(annotations={**MIRROR, **JOB}, node="node1")), "protected-keys"),
    "kubelet labels a pod as a native job's": (update("kubelet", bound(), "pods/status", metadata__labels={
        "pbs-connector/native-job": "7"}), "protected-keys"),
    "user creates a pod on a node": (create("alice", pod(node="node1")), "node-name"),
    "controller creates a pod on a node": (create("job-controller", pod(node="node1")), "node-name"),
    "user named as a kubelet creates a pod on a node": (create("pretender", pod(node="node1")), "node-name"),
    "user resizes a bound pod": (update("alice", bound(), "pods/resize"), "resize"),
    "administrator resizes a pod": (update("admin", bound(), "pods/resize"), "resize"),
}
