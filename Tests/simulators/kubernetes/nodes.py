"""Nodes: the form in which the API server gives them back."""

from __future__ import annotations

from typing import Any

from .clock import timestamp
from .objects import in_order

Object = dict[str, Any]

_STATUS_ORDER = ("capacity", "allocatable", "conditions", "addresses", "daemonEndpoints", "nodeInfo", "images")
_CONDITION_ORDER = ("type", "status", "lastHeartbeatTime", "lastTransitionTime", "reason", "message")
_NODE_INFO = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion",
              "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture")


def with_defaults(node: Object) -> Object:
    """Parts of the status that are encoded even when empty (node-list.txt)."""
    status = dict(node.get("status") or {})
    if status.get("conditions"):
        status["conditions"] = [_with_condition_defaults(condition) for condition in status["conditions"]]
    status.setdefault("daemonEndpoints", {"kubeletEndpoint": {"Port": 0}})
    info = status.get("nodeInfo") or {}
    status["nodeInfo"] = {**{name: "" for name in _NODE_INFO}, **info}
    return {"metadata": node["metadata"], "spec": node.get("spec") or {}, "status": in_order(status, _STATUS_ORDER)}


def _with_condition_defaults(condition: Object) -> Object:
    data = {"lastHeartbeatTime": None, "lastTransitionTime": None, **condition}
    return {key: data[key] for key in _CONDITION_ORDER if key in data}


def manifest(name: str, ready: bool, cpu: str, memory: str, labels: dict[str, str] | None) -> Object:
    """A node as its kubelet registers it; memory and cpu are Kubernetes quantities."""
    capacity = {"cpu": cpu, "memory": memory, "pods": "1000"}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "status": {"capacity": capacity, "allocatable": capacity, "conditions": [ready_condition(ready)],
                   "addresses": [{"type": "Hostname", "address": name}]},
    }


def ready_condition(ready: bool) -> Object:
    """Ready=True as kubelet writes it; Unknown as the node lifecycle controller does when kubelet is silent."""
    now = timestamp()
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    if ready:
        return {"type": "Ready", "status": "True", **times, "reason": "KubeletReady",
                "message": "kubelet is posting ready status"}
    return {"type": "Ready", "status": "Unknown", **times, "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status."}
