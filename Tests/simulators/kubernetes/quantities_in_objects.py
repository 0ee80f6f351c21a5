"""Where objects hold quantities: their canonical form, and the words of a server that cannot decode one."""

from __future__ import annotations

import json
import re
from typing import Any

from . import quantity
from .errors import APIError, bad_request
from .release import Release

Object = dict[str, Any]

# (path to a list of containers or to one struct, Go type of it, as a decoder's error names the way)
_CONTAINER_LISTS = (("initContainers", "InitContainers"), ("containers", "Containers"))


def canonical_pod(pod: Object, raw: bytes, release: Release) -> Object:
    """The pod with every quantity in canonical form; 400 in the server's words where one does not parse."""
    spec = dict(pod.get("spec") or {})
    for field, go_name in _CONTAINER_LISTS:
        if spec.get(field):
            way = f"v1.Pod.Spec: v1.PodSpec.{go_name}: []v1.Container: v1.Container.Resources: "
            spec[field] = [_with_resources(item, "Pod", way, raw, release) for item in spec[field]]
    if spec.get("overhead"):
        spec["overhead"] = _canonical(spec["overhead"], "Pod", "v1.Pod.Spec: v1.PodSpec.Overhead: ", raw, release)
    if spec.get("resources"):
        spec = _with_resources(spec, "Pod", "v1.Pod.Spec: v1.PodSpec.Resources: ", raw, release)
    return {**pod, "spec": spec}


def canonical_node(node: Object, raw: bytes, release: Release) -> Object:
    """The node with capacity and allocatable in canonical form (`pods: "1000"` becomes `1k`, node-list.txt)."""
    status = dict(node.get("status") or {})
    for field, go_name in (("capacity", "Capacity"), ("allocatable", "Allocatable")):
        if status.get(field):
            way = f"v1.Node.Status: v1.NodeStatus.{go_name}: "
            status[field] = _canonical(status[field], "Node", way, raw, release)
    return {**node, "status": status}


def _with_resources(item: Object, kind: str, way: str, raw: bytes, release: Release) -> Object:
    found = item.get("resources")
    if not isinstance(found, dict):
        return item
    resources = dict(found)
    for field, go_name in (("limits", "Limits"), ("requests", "Requests")):
        if resources.get(field):
            resources[field] = _canonical(resources[field], kind, f"{way}v1.ResourceRequirements.{go_name}: ",
                                          raw, release)
    return {**item, "resources": resources}


def _canonical(quantities: Object, kind: str, way: str, raw: bytes, release: Release) -> Object:
    result: Object = {}
    for name, value in quantities.items():
        try:
            result[name] = quantity.canonical(str(value).strip())
        except quantity.BadQuantity as problem:
            raise _undecodable(kind, way, name, value, str(problem), raw, release) from None
    return dict(sorted(result.items()))


def _undecodable(kind: str, way: str, name: str, value: Any, problem: str, raw: bytes, release: Release) -> APIError:
    """1.20's decoder adds the Go types on the way and the text around the place (jsoniter's ReportError)."""
    message = f'{kind} in version "v1" cannot be handled as a {kind}: '
    if not release.decode_error_has_context:
        return bad_request(message + problem)
    text = raw.decode(errors="replace")
    place = re.search(re.escape(json.dumps(name)) + r"\s*:\s*" + re.escape(json.dumps(value)), text)
    end = place.end() if place else len(text)
    start, wide = max(0, end - 10), max(0, end - 50)
    return bad_request(
        f"{message}{way}unmarshalerDecoder: {problem}, error found in #{end - start} byte of "
        f"...|{text[start:end + 10]}|..., bigger context ...|{text[wide:end + 50]}|..."
    )
