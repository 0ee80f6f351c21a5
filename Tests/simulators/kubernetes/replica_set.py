"""A stand-in for the controller of a ReplicaSet: a pod that has ended or is being deleted is replaced at once.

The ReplicaSet itself is no object of the simulated API; its pods name it as their controller.
"""

from __future__ import annotations

import copy
import threading
import time
import uuid
from typing import Any

from .pods import is_finished
from .simulator import KubernetesSimulator

Object = dict[str, Any]

# Seconds; longer than any test.
FOREVER = 86400.0


class ReplicaSet:
    """Keeps so many pods alive, from start() until stop(). Ended ones stay, as with the real controller."""

    def __init__(self, kubernetes: KubernetesSimulator, name: str, template: Object, replicas: int = 1) -> None:
        """`template` is a pod's manifest; its name and owner are set here."""
        self._kubernetes = kubernetes
        self._template = template
        self._replicas = replicas
        self.name = name
        self.uid = str(uuid.uuid4())
        # When each pod was made (time.monotonic()), oldest first.
        self.made: list[float] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"replica set {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._kubernetes.look_again()
        self._thread.join()

    def __enter__(self) -> ReplicaSet:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def pods(self) -> list[Object]:
        """All that it has made and that are still there."""
        return [pod for pod in self._kubernetes.pods() if any(
            owner["uid"] == self.uid for owner in pod["metadata"].get("ownerReferences") or [])]

    def _run(self) -> None:
        while not self._stopping:
            self._kubernetes.wait(lambda _: self._stopping or self._missing() > 0, FOREVER)
            for _ in range(0 if self._stopping else self._missing()):
                self._make()

    def _missing(self) -> int:
        active = [pod for pod in self.pods() if not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")]
        return self._replicas - len(active)

    def _make(self) -> None:
        pod = copy.deepcopy(self._template)
        metadata = {key: value for key, value in (pod.get("metadata") or {}).items() if key != "name"}
        pod["metadata"] = {**metadata, "generateName": f"{self.name}-", "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": self.name, "uid": self.uid, "controller": True,
            "blockOwnerDeletion": True}]}
        self.made.append(time.monotonic())
        self._kubernetes.create_pod(pod)
