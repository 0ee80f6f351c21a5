"""What a client reads before its first real request: groups, resources, version, OpenAPI.

The OpenAPI documents are as small as kubectl accepts: they say that the kinds
exist, and leave the checking of fields to the server.
"""

from __future__ import annotations

import json
from typing import Any

from .resources import ALL, Resource

Object = dict[str, Any]

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_SUBRESOURCE_VERBS = {"binding": ["create"], "status": ["get", "patch", "update"]}
_SUBRESOURCE_KINDS = {"binding": "Binding"}
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def _groups() -> list[tuple[str, str]]:
    return list(dict.fromkeys((resource.group, resource.version) for resource in ALL if resource.group))


def _resource_entries(resource: Resource) -> list[Object]:
    entries: list[Object] = [{
        "name": resource.name, "singularName": resource.kind.lower(), "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": _VERBS, **({"shortNames": list(resource.short_names)}
                                                  if resource.short_names else {}),
        **({"categories": ["all"]} if resource.name == "pods" else {}),
    }]
    for name in resource.subresources:
        entries.append({"name": f"{resource.name}/{name}", "singularName": "", "namespaced": resource.namespaced,
                        "kind": _SUBRESOURCE_KINDS.get(name, resource.kind), "verbs": _SUBRESOURCE_VERBS[name]})
    return entries


def document(path: str) -> Object | None:
    """The discovery document at a path, or None."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*group) for group in _groups()]}
    for group, version in [("", "v1"), *_groups()]:
        if path == (f"/apis/{group}/{version}" if group else "/api/v1"):
            entries = [entry for resource in ALL if (resource.group, resource.version) == (group, version)
                       for entry in _resource_entries(resource)]
            return {"kind": "APIResourceList", "apiVersion": "v1", "resources": entries,
                    "groupVersion": f"{group}/{version}" if group else version}
        if group and path == f"/apis/{group}":
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)}
    return _openapi_v3(path)


def _group(group: str, version: str) -> Object:
    versions = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [versions], "preferredVersion": versions}


def _openapi_v3(path: str) -> Object | None:
    """OpenAPI 3: kubectl looks there whether PATCH takes fieldValidation, and then trusts the server."""
    paths = {"api/v1": ("", "v1")} | {f"apis/{group}/{version}": (group, version) for group, version in _groups()}
    if path == "/openapi/v3":
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in paths}}
    found = paths.get(path.removeprefix("/openapi/v3/"))
    if not path.startswith("/openapi/v3/") or found is None:
        return None
    name = path.removeprefix("/openapi/v3/")
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
                  {"name": "dryRun", "in": "query", "schema": {"type": "string"}}]
    operations: Object = {}
    for resource in ALL:
        if (resource.group, resource.version) == found:
            scope = "namespaces/{namespace}/" if resource.namespaced else ""
            operations[f"/{name}/{scope}{resource.name}/{{name}}"] = {"patch": {
                "parameters": parameters, "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": {"group": resource.group, "kind": resource.kind,
                                                    "version": resource.version}}}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "unversioned"}, "paths": operations}


def openapi_v2() -> bytes:
    """OpenAPI 2 as protobuf (gnostic's OpenAPIv2.proto): each kind as a definition without properties."""
    schemas = b"".join(
        _message(1, _text(1, f"{r.group or 'core'}.{r.version}.{r.kind}") + _message(2, _kind_extension(r)))
        for r in ALL)
    return (_text(1, "2.0") + _message(2, _text(1, "Kubernetes") + _text(2, "unversioned"))
            + _message(8, b"") + _message(9, schemas))


def _kind_extension(resource: Resource) -> bytes:
    """Schema.vendor_extension (field 31) x-kubernetes-group-version-kind, its value as YAML text."""
    value = json.dumps([{"group": resource.group, "kind": resource.kind, "version": resource.version}])
    return _message(31, _text(1, "x-kubernetes-group-version-kind") + _message(2, _text(2, value)))


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())
