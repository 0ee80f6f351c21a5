"""The simulator's own account of what happened to each pod, in order.

A test of the connector judges by this record and never by what the connector
says of itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from . import resources
from .store import Change, Object

Kind = Literal["created", "bound", "deleting", "gone", "phase", "condition", "event"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to one pod.

    `monotonic` and `wall` are seconds (time.monotonic and time.time). `node`
    and `annotations` are the pod's after the change. `user` is who did it: a
    user of the API, "kubelet" or "simulator".
    """

    monotonic: float
    wall: float
    kind: Kind
    namespace: str
    name: str
    uid: str
    node: str
    annotations: dict[str, str]
    user: str
    details: dict[str, Any] = field(default_factory=dict)


def entries_of(change: Change) -> list[Entry]:
    """What a write to the store means for the pod it is about."""
    if change.resource == resources.PODS.stored_as:
        return _of_pod(change)
    if change.resource == resources.EVENTS.stored_as and change.type != "DELETED":
        return [_of_event(change)]
    return []


def _of_pod(change: Change) -> list[Entry]:
    pod = change.stored.data
    before: Object = change.previous.data if change.previous and change.type != "ADDED" else {}
    monotonic, wall = time.monotonic(), time.time()
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]

    def entry(kind: Kind, **details: Any) -> Entry:
        return Entry(monotonic, wall, kind, metadata["namespace"], metadata["name"], metadata["uid"],
                     spec.get("nodeName", ""), metadata.get("annotations") or {}, change.user, details)

    if change.type == "DELETED":
        return [entry("gone", phase=status["phase"])]
    found: list[Entry] = []
    if change.type == "ADDED":
        found.append(entry("created"))
    if spec.get("nodeName") and not before.get("spec", {}).get("nodeName"):
        found.append(entry("bound"))
    old_metadata = before.get("metadata", {})
    if metadata.get("deletionTimestamp") and \
            metadata["deletionTimestamp"] != old_metadata.get("deletionTimestamp"):
        found.append(entry("deleting", gracePeriodSeconds=metadata["deletionGracePeriodSeconds"],
                           deletionTimestamp=metadata["deletionTimestamp"]))
    old_status = before.get("status", {})
    old_conditions = {condition["type"]: condition for condition in old_status.get("conditions") or []}
    for condition in status.get("conditions") or []:
        if condition != old_conditions.get(condition["type"]):
            found.append(entry("condition", **condition))
    if old_status and status["phase"] != old_status["phase"]:
        found.append(entry("phase", phase=status["phase"], previous=old_status["phase"]))
    return found


def _of_event(change: Change) -> Entry:
    event = change.stored.data
    about = event["involvedObject"]
    return Entry(time.monotonic(), time.time(), "event", about.get("namespace", ""), about.get("name", ""),
                 about.get("uid", ""), "", event["metadata"].get("annotations") or {}, change.user,
                 {"about": about.get("kind", ""), "event": event["metadata"]["name"], "type": event.get("type", ""),
                  "reason": event.get("reason", ""), "message": event.get("message", ""),
                  "count": event.get("count", 0)})
