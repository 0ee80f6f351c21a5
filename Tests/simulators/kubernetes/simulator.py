"""The Kubernetes API simulator as tests use it."""

from __future__ import annotations

import base64
import json
import random
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import kubelet as kubelets
from . import nodes, record, requests, resources
from .access import MASTERS, Access, Tokens, User
from .api import API, INITIAL_NAMESPACES, Response
from .certificates import CertificateAuthority
from .faults import Faults
from .kubelet import Kubelet, Kubelets
from .patch import MERGE, STRATEGIC_MERGE
from .pods import set_condition
from .release import RELEASES
from .requests import Request, RequestLog
from .resources import EVENTS, NODES, PODS
from .server import Server
from .store import Backup, Change, Store

Object = dict[str, Any]

# How the simulator's own record names what a test does through these methods.
USER = User("simulator", frozenset({MASTERS}))


class KubernetesSimulator:
    """A Kubernetes API server in a background thread, with its store in memory.

    version              "1.36" or "1.20": whose answers to give
    tls                  HTTPS with a certificate authority of its own
    tokens               bearer token -> user name, or (user name, groups); None: everybody is an administrator
    port                 0 for a free one; kept over stop() and start()
    kubelet              settings of the kubelet stand-in; None: nothing runs the pods
    rbac                 users without rules may do nothing
    bookmark_interval    seconds between the bookmarks of a watch
    source               of all that is random: faults, generated names, timeouts

    All methods may be called from any thread.
    """

    def __init__(self, version: str = "1.36", tls: bool = False, tokens: Tokens | None = None, port: int = 0,
                 kubelet: Kubelet | None = None, rbac: bool = False, bookmark_interval: float = 60.0,
                 source: random.Random | None = None) -> None:
        self.release = RELEASES[version]
        self.port = port
        self.record: list[record.Entry] = []
        self.requests = RequestLog()
        randomness = source or random.Random()
        self.faults = Faults(randomness)
        self._store = Store(list(dict.fromkeys(resource.stored_as for resource in resources.ALL)))
        self._access = Access(tokens, rbac)
        self._api = API(self._store, self.release, self._access, randomness)
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._authority: CertificateAuthority | None = None
        self._context: ssl.SSLContext | None = None
        if tls:
            self._directory = tempfile.TemporaryDirectory(prefix="kubernetes-simulator-")
            self._authority = CertificateAuthority(Path(self._directory.name))
            self._context = self._authority.server_context()
        context = self._context
        self._store.listeners.append(self._keep_record)
        self._server = Server(self._api, self.faults, self.requests, bookmark_interval,
                              (lambda: context) if context is not None else None)
        self._kubelets = Kubelets(kubelet, self._store, self._server) if kubelet is not None else None
        self._has_run = False
        for name in INITIAL_NAMESPACES:
            self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    # The server

    def start(self) -> None:
        """Serve. After a stop() the objects are as they were, but older resourceVersions are gone for watches,
        as they are from the watch cache of a real API server that was restarted."""
        if self._has_run:
            self._store.compact()
        self.port = self._server.start("127.0.0.1", self.port)
        self._has_run = True
        if self._kubelets is not None:
            self._kubelets.sync()

    def stop(self) -> None:
        """Be killed: every connection is reset and nothing listens."""
        self._server.stop()
        if self._kubelets is not None:
            self._kubelets.forget()

    def pause(self) -> None:
        """Hang: connections are accepted, nothing is answered, watches are silent."""
        self._server.pause()

    def resume(self) -> None:
        """Go on after pause(); requests that came meanwhile are processed now."""
        self._server.resume()
        if self._kubelets is not None:
            self._kubelets.sync()

    def backup(self) -> Backup:
        """A backup of etcd as it is now."""
        return self._store.backup()

    def restore(self, backup: Backup, history: Callable[[], None] = lambda: None) -> None:
        """Be killed, and start with a backup of etcd: resourceVersions go back, and a watch at a later one that a
        client still knows is silent until they have come that far again, as seen in a real API server of 1.20.
        What `history` does is done before anybody can look."""
        self.stop()
        self._store.restore(backup)
        history()
        self.start()

    def __enter__(self) -> KubernetesSimulator:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def certificate_authority(self) -> Path | None:
        """The file of the certificate authority, with tls."""
        return self._authority.certificate if self._authority else None

    def write_kubeconfig(self, path: str | Path, token: str | None = None, user: str | None = None,
                         groups: Iterable[str] = ()) -> None:
        """Write a kubeconfig: with this token, or with a client certificate of this user (needs tls), or with the
        first token of an administrator, else the first token."""
        cluster: Object = {"server": self.url}
        if self._authority is not None:
            cluster["certificate-authority-data"] = _base64(self._authority.certificate)
        credential: Object = {}
        if user is not None:
            if self._authority is None:
                raise ValueError("a client certificate needs tls=True")
            certificate, key = self._authority.client(user, groups)
            credential = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        else:
            credential = {"token": token or self._administrator_token()}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "simulator",
            "clusters": [{"name": "simulator", "cluster": cluster}],
            "users": [{"name": "simulator", "user": credential}],
            "contexts": [{"name": "simulator", "context": {"cluster": "simulator", "user": "simulator"}}],
        }
        # JSON is YAML; every reader of kubeconfigs takes it.
        Path(path).write_text(json.dumps(config, indent=2) + "\n")
        Path(path).chmod(0o600)

    def _administrator_token(self) -> str:
        """Where no tokens are set any will do, but kubectl asks for a user name unless it has one."""
        tokens = self._access.tokens or {"admin": USER}
        return next((token for token, user in tokens.items() if MASTERS in user.groups), next(iter(tokens)))

    def authorise(self, user: str, rules: Iterable[Mapping[str, Any]], namespace: str | None = None) -> None:
        """Give a user the `rules` of a ClusterRole, or of a Role in that namespace; the user may then do only
        what rules allow."""
        self._access.authorise(user, rules, namespace)

    def know_token(self, token: str, user: str) -> None:
        """Take this bearer token for that user from now on."""
        self._access.know_token(token, user)

    def forget_token(self, token: str) -> None:
        """Refuse this bearer token from now on."""
        self._access.forget_token(token)

    def compact(self) -> None:
        """Older resourceVersions answer 410 from now on, for watches and for pages of lists."""
        self._store.compact()

    def close_watches(self, match: str = "") -> int:
        """End the open watches whose "GET /path?query" the regular expression finds; returns how many."""
        return self._with_watches(match, lambda stream: stream.end())

    def silence_watches(self, match: str = "") -> int:
        """Let the open watches stay open and send nothing more; returns how many."""
        return self._with_watches(match, lambda stream: stream.silence())

    def _with_watches(self, match: str, action: Callable[[Any], None]) -> int:
        pattern = re.compile(match)
        found: list[Any] = []

        def run() -> None:
            found.extend(self._server.streams_of(lambda line: pattern.search(line) is not None))
            for stream in found:
                action(stream)

        self._server.call(run)
        return len(found)

    # Nodes

    def create_node(self, name: str, ready: bool = True, cpu: str = "1000", memory: str = "100Ti",
                    labels: dict[str, str] | None = None) -> Object:
        return self.request("POST", "/api/v1/nodes", nodes.manifest(name, ready, cpu, memory, labels))

    def set_node_ready(self, name: str, ready: bool) -> None:
        """Ready=True, or Ready=Unknown as of a node whose kubelet is silent; its stand-in then does nothing."""
        status = {"status": {"conditions": [nodes.ready_condition(ready)]}}
        self.request("PATCH", f"/api/v1/nodes/{name}/status", status, STRATEGIC_MERGE)

    def delete_node(self, name: str) -> None:
        self.request("DELETE", f"/api/v1/nodes/{name}")

    # Pods

    def create_pod(self, manifest: Object) -> Object:
        """Create a pod, in namespace default where the manifest names none; APIError where it is refused."""
        namespace = (manifest.get("metadata") or {}).get("namespace") or "default"
        return self.request("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)

    def bind(self, namespace: str, name: str, node: str, annotations: dict[str, str] | None = None) -> None:
        """Post a Binding, as a scheduler does."""
        self.request("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", {
            "metadata": {"name": name, "annotations": annotations or {}}, "target": {"kind": "Node", "name": node}})

    def delete_pod(self, namespace: str, name: str, grace_period_seconds: int | None = None) -> None:
        options = {} if grace_period_seconds is None else {"gracePeriodSeconds": grace_period_seconds}
        self.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", options)

    def remove_pod(self, namespace: str, name: str) -> None:
        """The pod object goes at once: what a kubelet does when the containers have ended."""
        self.delete_pod(namespace, name, 0)

    def pod(self, namespace: str, name: str) -> Object | None:
        """The pod as stored (not to be changed), or None."""
        with self._store.lock:
            stored = self._store.get(PODS.stored_as, f"{namespace}/{name}")
            return stored.data if stored else None

    def pods(self, namespace: str | None = None) -> list[Object]:
        """All pods in the order of namespace and name (not to be changed)."""
        return self._all(PODS.stored_as, namespace)

    def set_pod_phase(self, namespace: str, name: str, phase: str) -> None:
        """Report a phase as a kubelet does: Running, Succeeded or Failed, with fitting container statuses."""
        with self._store.lock:
            pod = self.pod(namespace, name)
            if pod is None:
                raise KeyError(f"pod {namespace}/{name}")
            if phase == "Running":
                new = kubelets.running(pod, "10.0.0.1")
            elif phase in ("Succeeded", "Failed"):
                if pod["status"]["phase"] == "Pending":
                    pod = kubelets.running(pod, "10.0.0.1")
                new = kubelets.ended(pod, 0 if phase == "Succeeded" else 1, True)
            else:
                raise ValueError(f"no phase that a kubelet reports: {phase}")
            self._store.write(PODS.stored_as, f"{namespace}/{name}", new, kubelets.USER)

    def set_pod_condition(self, namespace: str, name: str, condition: str, status: str, **more: str) -> None:
        """Set one condition; `more` may hold reason and message."""
        with self._store.lock:
            pod = self.pod(namespace, name)
            if pod is None:
                raise KeyError(f"pod {namespace}/{name}")
            new = {**pod, "status": set_condition(pod["status"], condition, status, **more)}
            self._store.write(PODS.stored_as, f"{namespace}/{name}", new, USER.name)

    def patch_pod(self, namespace: str, name: str, change: Object) -> Object:
        """Apply a merge patch to a pod."""
        return self.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}", change, MERGE)

    def resize_pod(self, namespace: str, name: str, requests: dict[str, str]) -> None:
        """Its first container asks for these amounts now, as after a patch of the subresource resize."""
        with self._store.lock:
            pod = self.pod(namespace, name)
            if pod is None:
                raise KeyError(f"pod {namespace}/{name}")
            first, *others = pod["spec"]["containers"]
            containers = [{**first, "resources": {**first["resources"], "requests": requests}}, *others]
            # As a server writes it that has the subresource.
            entry = {"manager": "kubectl", "operation": "Update", "subresource": "resize", "apiVersion": "v1",
                     "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:containers": {}}}}
            metadata = {**pod["metadata"], "managedFields": [*pod["metadata"].get("managedFields", []), entry]}
            new = {**pod, "metadata": metadata, "spec": {**pod["spec"], "containers": containers}}
            self._store.write(PODS.stored_as, f"{namespace}/{name}", new, USER.name)

    # What has happened

    def events(self, namespace: str | None = None) -> list[Object]:
        """All Event objects (core/v1)."""
        return self._all(EVENTS.stored_as, namespace)

    def nodes(self) -> list[Object]:
        return self._all(NODES.stored_as, None)

    def leases(self, namespace: str | None = None) -> list[Object]:
        return self._all(resources.LEASES.stored_as, namespace)

    def wait(self, predicate: Callable[[KubernetesSimulator], Any], timeout: float, what: str = "") -> Any:
        """Block until predicate(self) is true and return its value.

        The predicate is tried after every change and every answered request,
        under the store's lock. After `timeout` seconds: TimeoutError with the
        state of the pods.
        """
        deadline = time.monotonic() + timeout
        with self._store.changed:
            while True:
                value = predicate(self)
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(self._timeout_message(what or _name(predicate), timeout))
                self._store.changed.wait(left)

    def look_again(self) -> None:
        """Let all who wait() try their predicates: something that the API does not show has changed."""
        with self._store.changed:
            self._store.changed.notify_all()

    def _timeout_message(self, what: str, timeout: float) -> str:
        lines = [f"not so after {timeout:g} s: {what}"]
        for pod in self.pods()[:20]:
            metadata = pod["metadata"]
            lines.append(f"  pod {metadata['namespace']}/{metadata['name']}: {pod['status']['phase']}"
                         f" on {pod['spec'].get('nodeName', 'no node')}"
                         + (", being deleted" if metadata.get("deletionTimestamp") else ""))
        lines += [f"  record: {entry.kind} {entry.namespace}/{entry.name} by {entry.user} {entry.details or ''}"
                  for entry in self.record[-10:]]
        lines += [f"  request: {entry.user or '?'} {entry.method} {entry.target} -> {entry.status or 'reset'}"
                  for entry in list(self.requests.entries)[-10:]]
        return "\n".join(lines)

    def _all(self, resource: str, namespace: str | None) -> list[Object]:
        with self._store.lock:
            snapshot = self._store.snapshot(resource)
            prefix = f"{namespace}/" if namespace else ""
            return [snapshot.objects[key].data for key in snapshot.keys if key.startswith(prefix)]

    def _keep_record(self, change: Change) -> None:
        self.record.extend(record.entries_of(change))

    def request(self, method: str, path: str, body: Object | None = None,
                content_type: str = "application/json") -> Object:
        """A request of the test itself, as an administrator and without a connection, so that no fault hits it.

        APIError where it is refused.
        """
        headers = {"content-type": content_type, "user-agent": "kubernetes-simulator"}
        own = Request(method, path, headers, b"" if body is None else json.dumps(body).encode())
        with self._store.lock:
            response = self._api.handle(own, requests.read(own), USER)
        assert isinstance(response, Response)
        result: Object = json.loads(response.body)
        return result


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _name(predicate: Callable[..., Any]) -> str:
    """Where a predicate was written, for the message of a timeout."""
    code = getattr(predicate, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(predicate)
