"""metadata.managedFields: which manager (the first word of User-Agent) set which fields.

Enough of server-side apply's bookkeeping to have objects of the recorded form
and size: fields that a create or an update sets are noted, fields that are
taken away or change hands are not. A Binding is noted nowhere, as on a real
server (simulators_tests/test_pod_origin.py).
"""

from __future__ import annotations

import json
from typing import Any

from .clock import timestamp

Json = Any
FieldSet = dict[str, Any]

_SYSTEM_METADATA = frozenset({
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields", "selfLink",
})
# Set by admission or by the server after the manager's own fields were noted.
_NOT_THE_MANAGERS = {"spec": frozenset({"tolerations", "priority", "preemptionPolicy"}),
                     "status": frozenset({"phase", "qosClass", "nodeInfo", "daemonEndpoints"})}
_ASSOCIATIVE_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",), "containers": ("name",), "initContainers": ("name",), "volumes": ("name",),
    "env": ("name",), "ports": ("containerPort", "protocol"), "volumeMounts": ("mountPath",), "addresses": ("type",),
    "ownerReferences": ("uid",), "schedulingGates": ("name",), "podIPs": ("ip",), "hostIPs": ("ip",),
}
_ATOMIC_MAPS = frozenset({"nodeSelector", "securityContext", "reportingController"})
# Parts that exist even in an empty object, so that setting something inside does not set them.
_ALWAYS_THERE = frozenset({"", "metadata", "spec", "status", "spec.containers", "source", "involvedObject"})


def manager_name(user_agent: str | None, field_manager: str | None) -> str:
    """The manager of a request: its fieldManager parameter, else User-Agent up to the slash, else `unknown`."""
    return field_manager or (user_agent or "").split("/")[0] or "unknown"


def submitted(entries: Json) -> list[dict[str, Json]] | None:
    """What a client says itself of managers, which a real server takes over whatever fields it names and however
    deep they lie; None where any of it is of another form, so that none of it counts."""
    if not isinstance(entries, list) or not entries:
        return None
    for entry in entries:
        if not isinstance(entry, dict) or not {"manager", "operation", "apiVersion", "fieldsType", "fieldsV1"} <= entry.keys():
            return None
        parts = [entry["fieldsV1"]]
        while parts:
            part = parts.pop()
            if not isinstance(part, dict):
                return None
            parts.extend(part.values())
    return entries


class Bookkeeper:
    """Notes managers by the rules of one server version ("1.20" or "1.36")."""

    def __init__(self, subresource_entries: bool) -> None:
        # 1.20 has one entry a manager; later versions keep the status subresource apart and
        # treat involvedObject as one value (recordings: patch-status.txt and event.txt).
        self._subresource_entries = subresource_entries
        self._atomic = _ATOMIC_MAPS | ({"involvedObject"} if subresource_entries else frozenset())

    def created(self, data: dict[str, Json], api_version: str, manager: str) -> list[dict[str, Json]]:
        fields = self._added(data, {}, "")
        if self._subresource_entries:
            fields.pop("f:status", None)
        return [self._entry(api_version, manager, "", fields)] if fields else []

    def updated(self, old: dict[str, Json], new: dict[str, Json], api_version: str, manager: str,
                subresource: str) -> list[dict[str, Json]]:
        entries: list[dict[str, Json]] = old["metadata"].get("managedFields") or []
        fields = self._added(new, old, "")
        if not fields:
            return entries
        kept = subresource if self._subresource_entries else ""
        for index, entry in enumerate(entries):
            if entry["manager"] == manager and entry["operation"] == "Update" and \
                    entry.get("subresource", "") == kept and entry["apiVersion"] == api_version:
                merged = self._entry(api_version, manager, kept, _union(entry["fieldsV1"], fields))
                return entries[:index] + [merged] + entries[index + 1:]
        return entries + [self._entry(api_version, manager, kept, fields)]

    @staticmethod
    def _entry(api_version: str, manager: str, subresource: str, fields: FieldSet) -> dict[str, Json]:
        entry = {"manager": manager, "operation": "Update", "apiVersion": api_version, "time": timestamp(),
                 "fieldsType": "FieldsV1", "fieldsV1": fields}
        if subresource:
            entry["subresource"] = subresource
        return entry

    def _added(self, new: dict[str, Json], old: dict[str, Json], path: str) -> FieldSet:
        """The fields of `new` that differ from `old`."""
        fields: FieldSet = {}
        skipped = _SYSTEM_METADATA if path == "metadata" else _NOT_THE_MANAGERS.get(path, frozenset())
        for key in sorted(new):
            value, before = new[key], old.get(key)
            if key in skipped or value == before and key in old:
                continue
            if path == "" and key not in old and value in (None, "", {}):
                continue  # an empty part of an object is there without a manager
            inner = f"{path}.{key}" if path else key
            fields[f"f:{key}"] = self._of_value(key, value, before, inner)
        return {key: value for key, value in fields.items()
                if value or not (path == "" and key in ("f:spec", "f:status", "f:metadata"))}

    def _of_value(self, key: str, value: Json, before: Json, path: str) -> FieldSet:
        if isinstance(value, dict) and value and key not in self._atomic:
            inner = self._added(value, before if isinstance(before, dict) else {}, path)
            if before is None and path not in _ALWAYS_THERE:
                return {".": {}, **inner}
            return inner
        if isinstance(value, list) and key in _ASSOCIATIVE_KEYS:
            return self._of_list(_ASSOCIATIVE_KEYS[key], value, before or [], path)
        if isinstance(value, list) and key == "finalizers":
            return {".": {}, **{f'v:"{item}"': {} for item in value}}
        return {}

    def _of_list(self, keys: tuple[str, ...], items: list[Json], before: list[Json], path: str) -> FieldSet:
        fields: FieldSet = {} if before or path in _ALWAYS_THERE else {".": {}}
        known = {tuple(item.get(key) for key in keys): item for item in before}
        for item in items:
            identity = {key: item[key] for key in keys if key in item}
            old = known.get(tuple(item.get(key) for key in keys))
            if item == old:
                continue
            inner = self._added(item, old or {}, path + "[]")
            fields["k:" + json.dumps(identity, separators=(",", ":"))] = inner if old else {".": {}, **inner}
        return fields


def _union(one: FieldSet, other: FieldSet) -> FieldSet:
    result = dict(one)
    for key, value in other.items():
        result[key] = _union(result[key], value) if key in result else value
    return dict(sorted(result.items()))
