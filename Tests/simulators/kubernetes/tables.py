"""Server-side tables (meta.k8s.io/v1 Table): what kubectl prints without -o yaml.

Columns and cells: pkg/printers/internalversion/printers.go. Priority 1 columns
are those of `-o wide`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import age
from .release import Release
from .resources import EVENTS, LEASES, NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, STORAGE_CLASSES

Object = dict[str, Any]


@dataclass(frozen=True)
class Printer:
    """The columns of one resource, (name, type, priority) each, and the cells of one object."""

    columns: tuple[tuple[str, str, int], ...]
    cells: Callable[[Object], list[Any]]

    def definitions(self) -> list[Object]:
        return [{"name": name, "type": kind, "format": "name" if name == "Name" else "", "description": name,
                 "priority": priority} for name, kind, priority in self.columns]


# Rows of pods that have ended say so, for clients that grey them out.
_ENDED: dict[str, Object] = {
    phase: {"type": "Completed", "status": "True", "reason": phase, "message": message}
    for phase, message in (("Succeeded", "The pod has completed successfully."), ("Failed", "The pod failed."))
}


def pod_status(pod: Object, release: Release) -> str:
    """The STATUS column of kubectl get pods (printPod)."""
    status = pod["status"]
    text: str = status.get("reason") or status.get("phase", "")
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            text = "SchedulingGated"
    running = False
    for container in reversed(status.get("containerStatuses") or []):
        state = container.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            text = state["waiting"]["reason"]
        elif "terminated" in state:
            ended = state["terminated"]
            text = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
        elif container.get("ready") and "running" in state:
            running = True
    if text == "Completed" and running:
        text = "Running"
    if pod["metadata"].get("deletionTimestamp") and status.get("reason") != "NodeLost":
        if not (release.shows_end_of_terminating_pods and status.get("phase") in ("Succeeded", "Failed")):
            return "Terminating"
    return text


def _pod(pod: Object, release: Release) -> list[Any]:
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    containers = status.get("containerStatuses") or []
    ready = sum(1 for container in containers if container.get("ready") and "running" in container.get("state", {}))
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or []}
    gates = spec.get("readinessGates") or []
    passed = sum(1 for gate in gates if conditions.get(gate["conditionType"]) == "True")
    restarts = sum(container.get("restartCount", 0) for container in containers)
    return [metadata["name"], f"{ready}/{len(spec.get('containers') or [])}", pod_status(pod, release),
            str(restarts) if release.restarts_column == "string" else restarts,
            age(metadata.get("creationTimestamp")), status.get("podIP") or "<none>", spec.get("nodeName") or "<none>",
            status.get("nominatedNodeName") or "<none>", f"{passed}/{len(gates)}" if gates else "<none>"]


def _node(node: Object) -> list[Any]:
    metadata, status = node["metadata"], node["status"]
    ready = next((c["status"] for c in status.get("conditions") or [] if c["type"] == "Ready"), None)
    words = [{"True": "Ready", None: "Unknown"}.get(ready, "NotReady")]
    if node["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    roles = sorted(key.removeprefix("node-role.kubernetes.io/") for key in metadata.get("labels") or {}
                   if key.startswith("node-role.kubernetes.io/"))
    addresses = {item["type"]: item["address"] for item in status.get("addresses") or []}
    info = status.get("nodeInfo") or {}
    return [metadata["name"], ",".join(words), ",".join(roles) or "<none>", age(metadata.get("creationTimestamp")),
            info.get("kubeletVersion", ""), addresses.get("InternalIP", "<none>"),
            addresses.get("ExternalIP", "<none>"), info.get("osImage") or "<unknown>",
            info.get("kernelVersion") or "<unknown>", info.get("containerRuntimeVersion") or "<unknown>"]


def _event(event: Object) -> list[Any]:
    about, source = event["involvedObject"], event.get("source") or {}
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = event.get("lastTimestamp") or event.get("eventTime") or first
    series = event.get("series") or {}
    if series.get("lastObservedTime"):
        last = series["lastObservedTime"]
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return [age(last), event.get("type", ""), event.get("reason", ""),
            f"{about.get('kind', '').lower()}/{about.get('name', '')}", about.get("fieldPath", ""),
            f"{component}, {host}" if host else component, (event.get("message") or "").strip(), age(first),
            series.get("count") or event.get("count") or 1, event["metadata"]["name"]]


def _namespace(namespace: Object) -> list[Any]:
    metadata = namespace["metadata"]
    return [metadata["name"], (namespace.get("status") or {}).get("phase", ""), age(metadata["creationTimestamp"])]


def _lease(lease: Object) -> list[Any]:
    metadata = lease["metadata"]
    return [metadata["name"], (lease.get("spec") or {}).get("holderIdentity") or "", age(metadata["creationTimestamp"])]


def _volume_claim(claim: Object) -> list[Any]:
    metadata, spec = claim["metadata"], claim["spec"]
    return [metadata["name"], claim["status"].get("phase", ""), spec.get("volumeName", ""),
            spec.get("storageClassName", ""), age(metadata["creationTimestamp"])]


def _storage_class(storage_class: Object) -> list[Any]:
    metadata = storage_class["metadata"]
    return [metadata["name"], storage_class.get("provisioner", ""), storage_class["volumeBindingMode"],
            age(metadata["creationTimestamp"])]


_PRINTERS: dict[str, Printer] = {
    NODES.stored_as: Printer((
        ("Name", "string", 0), ("Status", "string", 0), ("Roles", "string", 0), ("Age", "string", 0),
        ("Version", "string", 0), ("Internal-IP", "string", 1), ("External-IP", "string", 1),
        ("OS-Image", "string", 1), ("Kernel-Version", "string", 1), ("Container-Runtime", "string", 1)), _node),
    EVENTS.stored_as: Printer((
        ("Last Seen", "string", 0), ("Type", "string", 0), ("Reason", "string", 0), ("Object", "string", 0),
        ("Subobject", "string", 1), ("Source", "string", 1), ("Message", "string", 0), ("First Seen", "string", 1),
        ("Count", "string", 1), ("Name", "string", 1)), _event),
    NAMESPACES.stored_as: Printer((
        ("Name", "string", 0), ("Status", "string", 0), ("Age", "string", 0)), _namespace),
    LEASES.stored_as: Printer((
        ("Name", "string", 0), ("Holder", "string", 0), ("Age", "string", 0)), _lease),
    PERSISTENT_VOLUME_CLAIMS.stored_as: Printer((
        ("Name", "string", 0), ("Status", "string", 0), ("Volume", "string", 0), ("StorageClass", "string", 0),
        ("Age", "string", 0)), _volume_claim),
    STORAGE_CLASSES.stored_as: Printer((
        ("Name", "string", 0), ("Provisioner", "string", 0), ("VolumeBindingMode", "string", 0),
        ("Age", "string", 0)), _storage_class),
}


def printer(resource: str, release: Release) -> Printer:
    """The printer of a resource; that of pods differs between releases."""
    if resource != PODS.stored_as:
        return _PRINTERS[resource]
    return Printer((
        ("Name", "string", 0), ("Ready", "string", 0), ("Status", "string", 0), ("Restarts", release.restarts_column, 0),
        ("Age", "string", 0), ("IP", "string", 1), ("Node", "string", 1), ("Nominated Node", "string", 1),
        ("Readiness Gates", "string", 1)), lambda pod: _pod(pod, release))


def row(cells: list[Any], item: Object, include_object: str, kind: Object) -> Object:
    """One row; `kind` holds kind and apiVersion. includeObject is None, Metadata (the default) or Object."""
    result: Object = {"cells": cells}
    ended = _ENDED.get((item.get("status") or {}).get("phase", ""))
    if ended is not None:
        result["conditions"] = [ended]
    if include_object == "Object":
        result["object"] = {**kind, **item}
    elif include_object != "None":
        result["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                            "metadata": item["metadata"]}
    else:
        result["object"] = None
    return result


def table(columns: list[Object] | None, rows: list[Object], metadata: Object) -> Object:
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns,
            "rows": rows}
