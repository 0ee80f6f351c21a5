"""What a run asks of a Kubernetes API, simulated or real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simulators.kubernetes import Entry

Object = dict[str, Any]


class API(Protocol):
    """Requests are made as an administrator, and no fault strikes them; what is looked at is there while the server is
    away as well. `record` is the account of what happened to the pods, from the server's own store."""

    record: list[Entry]

    def wait(self, predicate: Callable[[Any], Any], timeout: float) -> Any:
        """Waits until the predicate holds, which is looked at whenever something changes; else TimeoutError."""

    def create_pod(self, manifest: Object) -> Object:
        """Creates a pod and returns it."""

    def delete_pod(self, namespace: str, name: str) -> object:
        """Deletes a pod with its own grace period; APIError where there is none."""

    def set_pod_phase(self, namespace: str, name: str, phase: str) -> object:
        """Reports a phase as a kubelet does."""

    def set_node_ready(self, name: str, ready: bool) -> object:
        """Makes a node Ready, or not; then its kubelet does nothing either."""

    def pod(self, namespace: str, name: str) -> Object | None:
        """The pod, or None."""

    def pods(self) -> list[Object]:
        """All pods."""

    def leases(self) -> list[Object]:
        """All Leases."""
