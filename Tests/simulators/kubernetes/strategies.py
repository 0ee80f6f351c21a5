"""What is particular to each kind when it is created or updated (the registry strategies of the API server)."""

from __future__ import annotations

from typing import Any, Protocol

from . import events, nodes, pods
from .errors import FieldProblem, invalid
from .objects import METADATA_ORDER, in_order, name_problems
from .quantities_in_objects import canonical_node, canonical_pod
from .release import Release
from .resources import (EVENTS, EVENTS_V1, LEASES, NAMESPACES, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS,
                        STORAGE_CLASSES, Resource)

Object = dict[str, Any]


class Strategy(Protocol):
    """What becomes of an object on its way into the store.

    A new one is decoded (400 on nonsense), named, completed and checked (422).
    An update is decoded and put on top of the old one.
    """

    def decoded(self, data: Object, raw: bytes) -> Object:
        """The object as the server's types hold it; `raw` is the request's body, for error texts."""
        ...

    def completed(self, data: Object) -> Object:
        """With defaults and what admission adds."""
        ...

    def problems(self, data: Object) -> list[FieldProblem]:
        ...

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        """Of `new`, all that an update of this (sub)resource may change, on top of `old`."""
        ...


class _PodStrategy:
    def __init__(self, release: Release) -> None:
        self._release = release

    def decoded(self, data: Object, raw: bytes) -> Object:
        return canonical_pod(data, raw, self._release)

    def completed(self, data: Object) -> Object:
        return pods.admitted(pods.with_defaults(data, self._release))

    def problems(self, data: Object) -> list[FieldProblem]:
        return name_problems(data["metadata"]) + pods.problems(data, self._release)

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        if subresource == "status":
            return pods.with_status({**old, "metadata": new["metadata"]}, new.get("status") or {})
        spec = pods.with_defaults(new, self._release)["spec"]
        for field in ("tolerations", "priority", "preemptionPolicy"):
            if field not in spec and field in old["spec"]:
                spec[field] = old["spec"][field]
        spec = pods.check_update(old, spec, self._release)
        return {"metadata": new["metadata"], "spec": spec, "status": old["status"]}


class _NodeStrategy:
    def __init__(self, release: Release) -> None:
        self._release = release

    def decoded(self, data: Object, raw: bytes) -> Object:
        return canonical_node(data, raw, self._release)

    def completed(self, data: Object) -> Object:
        return nodes.with_defaults(data)

    def problems(self, data: Object) -> list[FieldProblem]:
        return name_problems(data["metadata"])

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        if subresource == "status":
            return nodes.with_defaults({**new, "spec": old["spec"]})
        return {"metadata": new["metadata"], "spec": new.get("spec") or {}, "status": old["status"]}


class _EventStrategy:
    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def decoded(self, data: Object, raw: bytes) -> Object:
        return events.to_core(data, self._resource)

    def completed(self, data: Object) -> Object:
        return data

    def problems(self, data: Object) -> list[FieldProblem]:
        return events.problems(data, self._resource)

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        return new


class _LeaseStrategy:
    def decoded(self, data: Object, raw: bytes) -> Object:
        return data

    def completed(self, data: Object) -> Object:
        return {"metadata": data["metadata"], "spec": data.get("spec") or {}}

    def problems(self, data: Object) -> list[FieldProblem]:
        found = name_problems(data["metadata"])
        for field in ("leaseDurationSeconds", "leaseTransitions"):
            value = data["spec"].get(field)
            if value is not None and value < (1 if field == "leaseDurationSeconds" else 0):
                limit = "greater than 0" if field == "leaseDurationSeconds" else "greater than or equal to 0"
                found.append(FieldProblem(f"spec.{field}", "FieldValueInvalid",
                                          f"Invalid value: {value}: must be {limit}"))
        return found

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        return self._checked({"metadata": new["metadata"], "spec": new.get("spec") or {}})

    def _checked(self, data: Object) -> Object:
        found = self.problems(data)
        if found:
            raise invalid(LEASES.kind, LEASES.group, data["metadata"]["name"], found)
        return data


class _NamespaceStrategy:
    def __init__(self, release: Release) -> None:
        self._release = release

    def decoded(self, data: Object, raw: bytes) -> Object:
        return data

    def completed(self, data: Object) -> Object:
        metadata = data["metadata"]
        if self._release.labels_namespaces:
            labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
            metadata = in_order({**metadata, "labels": dict(sorted(labels.items()))}, METADATA_ORDER)
        return {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}

    def problems(self, data: Object) -> list[FieldProblem]:
        return name_problems(data["metadata"])

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        return {**old, "metadata": new["metadata"]}


class _VolumeClaimStrategy:
    def decoded(self, data: Object, raw: bytes) -> Object:
        return data

    def completed(self, data: Object) -> Object:
        spec = {**(data.get("spec") or {})}
        spec.setdefault("volumeMode", "Filesystem")
        return {"metadata": data["metadata"], "spec": spec, "status": {"phase": "Pending"}}

    def problems(self, data: Object) -> list[FieldProblem]:
        return name_problems(data["metadata"])

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        if subresource == "status":
            return {**old, "metadata": new["metadata"], "status": new.get("status") or {}}
        return {"metadata": new["metadata"], "spec": new.get("spec") or {}, "status": old["status"]}


class _VolumeStrategy(_VolumeClaimStrategy):
    """A PersistentVolume: completed and updated like a claim, as far as that goes here."""


class _StorageClassStrategy:
    def decoded(self, data: Object, raw: bytes) -> Object:
        return data

    def completed(self, data: Object) -> Object:
        return {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate", **data}

    def problems(self, data: Object) -> list[FieldProblem]:
        return name_problems(data["metadata"])

    def updated(self, old: Object, new: Object, subresource: str) -> Object:
        return {**old, "metadata": new["metadata"]}


def for_release(release: Release) -> dict[Resource, Strategy]:
    return {
        PODS: _PodStrategy(release),
        NODES: _NodeStrategy(release),
        NAMESPACES: _NamespaceStrategy(release),
        EVENTS: _EventStrategy(EVENTS),
        EVENTS_V1: _EventStrategy(EVENTS_V1),
        LEASES: _LeaseStrategy(),
        PERSISTENT_VOLUME_CLAIMS: _VolumeClaimStrategy(),
        PERSISTENT_VOLUMES: _VolumeStrategy(),
        STORAGE_CLASSES: _StorageClassStrategy(),
    }
