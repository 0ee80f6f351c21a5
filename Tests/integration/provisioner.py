"""A provisioner of volumes, and as much of the controllers of claims as late binding needs, on either API.

It does for its storage class what the real ones do (sig-storage-lib-external-provisioner, controller.go; Kubernetes'
pkg/controller/volume/persistentvolume): a claim with the annotation selected-node gets a volume that only that node
reaches, and is bound to it; where the volume cannot be made, the annotation is taken away.
"""

from __future__ import annotations

import threading
from typing import Any

from hooks.timing import awaited

Object = dict[str, Any]
CLASSES, VOLUMES = "/apis/storage.k8s.io/v1/storageclasses", "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
SELECTED = "volume.kubernetes.io/selected-node"
MERGE = "application/merge-patch+json"
INTERVAL = 0.05  # seconds between looks at claims


def request(kubernetes: Any, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Object:
    """A request of an administrator to a simulated or a real API."""
    client = getattr(kubernetes, "client", None)
    send = kubernetes.request if client is None else client.json
    answer: Object = send(method, path, body, content_type) if body is not None else send(method, path)
    return answer


class Provisioner:
    """Serves one storage class until it is closed, which takes away all that it and the test have made of it."""

    def __init__(self, kubernetes: Any, name: str = "late", provisioner: str = "example.org/local", binds: bool = True, **members: Any) -> None:
        """`binds`: there are no controllers that bind volumes and claims, so that this does it."""
        self.name = name
        self._binds = binds
        # Whether claims get volumes; while not, they stay as they are.
        self.is_working = True
        # Nodes for which no volume can be made.
        self.failing: set[str] = set()
        # Claim and node of each volume that was made, or could not be, in their order.
        self.made: list[tuple[str, str]] = []
        self.given_up: list[tuple[str, str]] = []
        self._volumes: set[str] = set()
        self._kubernetes = kubernetes
        self._ends = threading.Event()
        self._failure: Exception | None = None
        request(kubernetes, "POST", CLASSES, {"metadata": {"name": name}, "provisioner": provisioner,
                                              "volumeBindingMode": "WaitForFirstConsumer", **members})
        self._thread = threading.Thread(target=self._serve, daemon=True, name="provisioner")
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        for claim in self.claims():
            self.delete(claim["metadata"]["name"])
        for volume in request(self._kubernetes, "GET", VOLUMES)["items"]:
            if volume["spec"].get("storageClassName") == self.name:
                # Its protection is a controller's to take off.
                path = f"{VOLUMES}/{volume['metadata']['name']}"
                request(self._kubernetes, "PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
                request(self._kubernetes, "DELETE", path)
        request(self._kubernetes, "DELETE", f"{CLASSES}/{self.name}")
        if self._failure is not None:
            raise self._failure

    def claim(self, name: str, volume: str | None = None, **metadata: Any) -> Object:
        """Make a claim of the class, for one volume if that is given."""
        return request(self._kubernetes, "POST", CLAIMS, {"metadata": {"name": name, **metadata}, "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": self.name, "resources": {"requests": {"storage": "1Gi"}},
            **({"volumeName": volume} if volume else {})}})

    def volume(self, name: str, node: str, claim: Object | None = None) -> Object:
        """Make a volume of the class that one node reaches, for one claim if that is given."""
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
        reference = {} if claim is None else {"claimRef": {
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": "default", "name": claim["metadata"]["name"],
            "uid": claim["metadata"]["uid"]}}
        return request(self._kubernetes, "POST", VOLUMES, {"metadata": {"name": name}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": self.name,
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": f"/volumes/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}}, **reference}})

    def delete(self, name: str) -> None:
        """Delete a claim, as if no pod used it."""
        request(self._kubernetes, "PATCH", f"{CLAIMS}/{name}", {"metadata": {"finalizers": None}}, MERGE)
        request(self._kubernetes, "DELETE", f"{CLAIMS}/{name}")

    def claims(self) -> list[Object]:
        """All claims of the class."""
        return [claim for claim in request(self._kubernetes, "GET", CLAIMS)["items"] if claim["spec"].get("storageClassName") == self.name]

    def node_of(self, name: str) -> str | None:
        """The node that a claim has."""
        node: str | None = (self.look(name)["metadata"].get("annotations") or {}).get(SELECTED)
        return node

    def look(self, name: str) -> Object:
        return request(self._kubernetes, "GET", f"{CLAIMS}/{name}")

    def wait_selected(self, name: str, timeout: float = 30.0) -> str:
        """Wait until a claim has a node; return it."""
        node: str = awaited(lambda: self.node_of(name), timeout)
        return node

    def _serve(self) -> None:
        try:
            while not self._ends.wait(INTERVAL):
                for claim in self.claims() if self.is_working else []:
                    node = (claim["metadata"].get("annotations") or {}).get(SELECTED)
                    if node and not claim["spec"].get("volumeName") and "deletionTimestamp" not in claim["metadata"]:
                        self._provide(claim, node)
        except Exception as error:  # told by close(): a thread has nobody to raise it to
            self._failure = error

    def _provide(self, claim: Object, node: str) -> None:
        name = claim["metadata"]["name"]
        path = f"{CLAIMS}/{name}"
        if node in self.failing:
            request(self._kubernetes, "PATCH", path, {"metadata": {"annotations": {SELECTED: None}}}, MERGE)
            self.given_up.append((name, node))
            return
        volume = f"pvc-{claim['metadata']['uid']}"
        if volume in self._volumes:
            return  # It is about to be bound.
        self._volumes.add(volume)
        self.volume(volume, node, claim)
        self.made.append((name, node))
        if not self._binds:
            return
        request(self._kubernetes, "PATCH", path, {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
                                                  "spec": {"volumeName": volume}}, MERGE)
        request(self._kubernetes, "PATCH", f"{path}/status", {"status": {
            "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}}, MERGE)
