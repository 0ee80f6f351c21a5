"""How kubelet turns down a pod for which its node has no room (pkg/kubelet/lifecycle/predicate.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import quantity
from .clock import timestamp
from .nodes import Object
from .pods import is_finished

# kubelet counts cpu in thousandths and memory in octets.
_UNITS = {"cpu": quantity.NANO // 1000, "memory": quantity.NANO}


@dataclass(frozen=True)
class Lack:
    """One resource that a node has too little of, in kubelet's units."""

    resource: str
    requested: int
    used: int
    capacity: int


def holds_room(pod: Object) -> bool:
    """Whether kubelet has taken the pod on and it has not ended."""
    return bool(pod["status"].get("startTime")) and not is_finished(pod)


def lack_of_room(pod: Object, others: Iterable[Object], allocatable: Mapping[str, str]) -> Lack | None:
    """The first resource that the node lacks for the pod beside the `others` that run there."""
    others = list(others)
    for resource in _UNITS:
        requested, capacity = request_of(pod, resource), _amount(allocatable.get(resource, "0"), resource)
        used = sum(request_of(other, resource) for other in others)
        if requested > capacity - used:
            return Lack(resource, requested, used, capacity)
    return None


def request_of(pod: Object, resource: str) -> int:
    """The containers' requests together, or the largest init container's, in kubelet's units."""
    def of(container: Object) -> int:
        return _amount((container["resources"].get("requests") or {}).get(resource, "0"), resource)

    spec = pod["spec"]
    return max([sum(map(of, spec["containers"])), *map(of, spec.get("initContainers") or [])])


def rejected(pod: Object, lack: Lack) -> Object:
    """The pod as kubelet reports it, which starts none of its containers."""
    message = (f"Pod was rejected: Node didn't have enough resource: {lack.resource}, requested: {lack.requested}, "
               f"used: {lack.used}, capacity: {lack.capacity}")
    return {**pod, "status": {**pod["status"], "phase": "Failed", "reason": f"OutOf{lack.resource}", "message": message,
                              "startTime": timestamp()}}


def _amount(text: str, resource: str) -> int:
    return -(-quantity.parse(text) // _UNITS[resource])
