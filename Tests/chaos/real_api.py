"""A real kube-apiserver as a run needs it: what happened to the pods is read from its etcd."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from real.kubernetes import RealKubernetes
from real.kubernetes_client import KubernetesError
from simulators.kubernetes import APIError, Entry
from simulators.kubernetes.record import entries_of
from simulators.kubernetes.resources import PODS
from simulators.kubernetes.store import Change, EventType, Stored

from .etcd_watch import EtcdWatch

Object = dict[str, Any]

# Entries of the record among which a pod's creation is looked for, right after it; and the seconds that etcd's word of
# it may take, on a machine that is busy.
_RECENT = 1000
_ETCD_SECONDS = 30.0
# Only who deletes pods is asked of the audit log: RequestReceived is written before the request is carried out.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
    "rules": [{"level": "Metadata", "verbs": ["delete"], "resources": [{"group": "", "resources": ["pods"]}]}, {"level": "None"}],
}


class RecordedKubernetes(RealKubernetes):
    """RealKubernetes whose objects are JSON in etcd, and whose deletions of pods are in `audit_logs`, one for each start."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.audit_logs: list[Path] = []

    @property
    def etcd_port(self) -> int:
        return self._etcd_port

    def start_api_server(self) -> None:
        """Starts the API server after `stop_api_server`; returns when it is ready."""
        self._start_api_server()

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        if name == "kube-apiserver":
            (self.directory / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))
            # A killed server may leave half a line behind, so the next one gets a file of its own.
            self.audit_logs.append(self.directory / f"audit-{len(self.audit_logs)}.log")
            arguments += ("--storage-media-type=application/json", "--etcd-compaction-interval=20s",
                          "--audit-policy-file=audit-policy.json", f"--audit-log-path={self.audit_logs[-1]}",
                          "--audit-log-mode=blocking")
        return super()._spawn(name, *arguments)


class RealAPI:
    """The API that tests ask; what it looks at, it has from etcd.

    `record` says of a pod what happened as soon as etcd has told it, but not who did it (`user` is empty).
    """

    def __init__(self, server: RecordedKubernetes, namespace_of_leases: str) -> None:
        self._server = server
        self._changed = threading.Condition()
        self._pods: dict[str, Object] = {}
        self._leases: dict[str, Object] = {}
        self.record: list[Entry] = []
        # Nodes whose kubelet does nothing.
        self.silent: set[str] = set()
        self._watches = [EtcdWatch(server.etcd_port, "/registry/pods/", self._pod_changed),
                         EtcdWatch(server.etcd_port, f"/registry/leases/{namespace_of_leases}/", self._lease_changed)]

    def close(self) -> None:
        """Ends the watches, once etcd has ended."""
        for watch in self._watches:
            watch.close()

    def check(self) -> None:
        """Raises what has ended a watch."""
        for watch in self._watches:
            if watch.failure is not None:
                raise RuntimeError("what happened is no longer recorded") from watch.failure

    # What etcd tells

    def _pod_changed(self, key: str, before: Object | None, after: Object | None) -> None:
        # Stored as /registry/pods/NAMESPACE/NAME; the simulators' record is made from the same steps.
        name = key.removeprefix("/registry/pods/")
        present = after or before
        assert present is not None, key
        kind: EventType = "DELETED" if after is None else "ADDED" if before is None else "MODIFIED"
        previous = Stored(name, before, 0) if before is not None else None
        entries = entries_of(Change(PODS.stored_as, kind, Stored(name, present, 0), previous, ""))
        with self._changed:
            if after is None:
                self._pods.pop(name, None)
            else:
                self._pods[name] = after
            self.record += entries
            self._changed.notify_all()

    def _lease_changed(self, key: str, _: Object | None, after: Object | None) -> None:
        with self._changed:
            if after is None:
                self._leases.pop(key, None)
            else:
                self._leases[key] = after
            self._changed.notify_all()

    def wait(self, predicate: Callable[[Any], Any], timeout: float) -> Any:
        """Waits until the predicate holds; it is looked at after each change of a pod or Lease."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (value := predicate(self)):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not so after {timeout:g} s")
                self._changed.wait(left)
            return value

    def pod(self, namespace: str, name: str) -> Object | None:
        with self._changed:
            return self._pods.get(f"{namespace}/{name}")

    def pods(self) -> list[Object]:
        with self._changed:
            return list(self._pods.values())

    def leases(self) -> list[Object]:
        with self._changed:
            return list(self._leases.values())

    # What is asked of the server

    def create_pod(self, manifest: Object) -> Object:
        created = self._server.create_pod(manifest)
        uid = created["metadata"]["uid"]
        # Who asks for the pod right away is to find it.
        self.wait(lambda api: any(entry.uid == uid for entry in api.record[-_RECENT:]), _ETCD_SECONDS)
        return created

    def delete_pod(self, namespace: str, name: str) -> None:
        with _TranslatedErrors():
            self._server.delete_pod(namespace, name)

    def set_pod_phase(self, namespace: str, name: str, phase: str) -> None:
        with _TranslatedErrors():
            self._server.set_pod_phase(namespace, name, phase)

    def start_pod(self, pod: Object) -> None:
        """A pod that waits for its kubelet runs; APIError (409) where it has changed meanwhile."""
        metadata = pod["metadata"]
        change = {"metadata": {"resourceVersion": metadata["resourceVersion"]},
                  "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        with _TranslatedErrors():
            self._server.client.json("PATCH", path, change, "application/strategic-merge-patch+json")

    def remove_pod(self, pod: Object) -> None:
        """The end of a Terminating pod, and not of another one of its name."""
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        with _TranslatedErrors():
            self._server.client.json("DELETE", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", options)

    def set_node_ready(self, name: str, ready: bool) -> None:
        """Sets the condition, and lets the node's kubelet be silent or not."""
        with self._changed:
            self.silent.discard(name) if ready else self.silent.add(name)
            self._changed.notify_all()
        self._server.set_node_ready(name, ready)


class _TranslatedErrors:
    """Has the API's refusals look like the simulator's."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KubernetesError):
            raise APIError(error.status, error.reason, error.message) from error
