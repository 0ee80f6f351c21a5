"""A real Kubernetes API: etcd and kube-apiserver as child processes, for one test or many.

No kubelet, scheduler or controller runs beside it: a pod changes only when
somebody changes it, and the tests play kubelet (`set_pod_phase`, `remove_pod`).
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, TypeVar

from .certificates import CertificateAuthority
from .changes import Changes
from .kubernetes_client import KubernetesClient, KubernetesError

Object = dict[str, Any]
Result = TypeVar("Result")

VERSION = "1.20.2"  # what Tests/real/build-kubernetes builds
START_SECONDS = 90.0  # a start takes 5 s on an idle machine

# The users a cluster knows: user name and groups of each. The kubelets' names are
# those that the Node authoriser and NodeRestriction ask for; the others have no
# rights until a test applies RBAC manifests.
USERS: dict[str, tuple[str, list[str]]] = {
    "admin": ("admin", ["system:masters"]),
    "kube-watcher": ("kube-watcher", []),
    "pbs-broker": ("pbs-broker", []),
    "binder": ("binder", []),
    "node1": ("system:node:node1", ["system:nodes"]),
    "node2": ("system:node:node2", ["system:nodes"]),
}
WATCHED = ["/api/v1/pods", "/api/v1/nodes", "/api/v1/events", "/apis/coordination.k8s.io/v1/leases"]


# The field metadata of a YAML document: in braces (flow) or as an indented block.
METADATA = re.compile(r"^metadata:[ \t]*(?:(?P<flow>\{[^}]*\})|(?:#.*)?\n(?P<indent>[ \t]+).*\n(?:(?P=indent).*\n|\s*\n)*)", re.M)


def built_programs() -> Path:
    """Where Tests/real/build-kubernetes leaves its programs."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = os.environ.get("PBS_CONNECTOR_CACHE") or f"{home}/pbs-connector"
    return Path(cache) / f"kubernetes-{VERSION}" / "bin"


def find_program(name: str) -> str | None:
    """Finds a program in $KUBEBUILDER_ASSETS, PATH or the cache of build-kubernetes, in this order."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return ((shutil.which(name, path=assets) if assets else None)
            or shutil.which(name) or shutil.which(name, path=str(built_programs())))


class RealKubernetes:
    """One cluster; its data, logs and certificates lie in one directory.

    `stop` and `start` are a crash and a restart on the same port with the same data.
    """

    @staticmethod
    def missing() -> str | None:
        """Why no cluster can run on this machine, in one line; None when it can."""
        if find_program("etcd") is None:
            return "no etcd in $KUBEBUILDER_ASSETS or PATH (Debian: etcd-server)"
        if find_program("kube-apiserver") is None:
            return f"no kube-apiserver in $KUBEBUILDER_ASSETS, PATH or {built_programs()} (Tests/real/build-kubernetes)"
        if shutil.which("openssl") is None:
            return "no openssl in PATH"
        return None

    def __init__(self, directory: Path | None = None) -> None:
        """Prepares a cluster in `directory`, which stays; without one, in a directory that `close` removes."""
        reason = self.missing()
        if reason is not None:
            raise RuntimeError(reason)
        self._own_directory = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="kubernetes-")) if directory is None else directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, self._etcd_port, self._etcd_peer_port = _free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.tokens = {user: secrets.token_hex(16) for user in USERS}
        self.authority = CertificateAuthority(self.directory)
        self._write_credentials()
        self._etcd: subprocess.Popen[bytes] | None = None
        self._api_server: subprocess.Popen[bytes] | None = None
        self._changes: Changes | None = None
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self.client = self.client_of("admin")

    def __enter__(self) -> RealKubernetes:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Processes

    def start(self) -> None:
        """Starts etcd and the API server and returns when the server says that it is ready."""
        if self._etcd is not None:
            raise RuntimeError("already started")
        try:
            client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._etcd_peer_port}"
            self._etcd = self._spawn("etcd", "--data-dir", "etcd-data", "--unsafe-no-fsync",
                                     "--listen-client-urls", client, "--advertise-client-urls", client,
                                     "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                                     "--initial-cluster", f"default={peer}")
            self._await_ready("etcd", self._etcd, self._etcd_healthy)
            self._start_api_server()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kills both processes at once (SIGKILL); the data stays for the next start."""
        self.stop_api_server()
        if self._etcd is not None:
            _kill(self._etcd)
            self._etcd = None

    def stop_api_server(self) -> None:
        """Kills the API server alone: clients are refused until `start_api_server` or `restart_api_server`."""
        if self._api_server is not None:
            _kill(self._api_server)
            self._api_server = None
        self.client.forget_connections()

    def restart_api_server(self) -> None:
        """Kills the API server and starts it again on the same port, etcd running on."""
        self.stop_api_server()
        self._start_api_server()

    def pause(self) -> None:
        """Stops the API server from answering, connections staying open (SIGSTOP)."""
        self._running_api_server().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused API server go on."""
        self._running_api_server().send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stops everything and removes the directory if it is the cluster's own."""
        self.stop()
        if self._changes is not None:
            self._changes.close()
            self._changes = None
        if self._own_directory:
            shutil.rmtree(self.directory)

    # Credentials

    def client_of(self, user: str) -> KubernetesClient:
        """A client with the token of one of USERS."""
        return KubernetesClient(self.url, self.authority.certificate, self.tokens[user])

    def service_account_token(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """A token of a ServiceAccount, as a pod of that account would get it (TokenRequest)."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        answer = self.client.json("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", body)
        return str(answer["status"]["token"])

    def write_kubeconfig(self, path: Path, user: str = "admin", token: str | None = None,
                         client_certificate: bool = False) -> Path:
        """Writes a kubeconfig (JSON, which is YAML too) with everything inline, and returns its path.

        It holds the token of `user`, one of USERS, or another `token`; with
        `client_certificate` a certificate of that user in place of a token.
        """
        if client_certificate:
            name, groups = USERS[user]
            subject = "".join(f"/O={group}" for group in groups) + f"/CN={name}"
            certificate, key = self.authority.issue(user, subject)
            credential = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        else:
            credential = {"token": token or self.tokens[user]}
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.authority.certificate)}
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credential}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }, indent=2))
        path.chmod(0o600)
        return path

    # Objects

    def create_node(self, name: str, ready: bool = True, cpu: str = "1000", memory: str = "100Ti",
                    labels: dict[str, str] | None = None) -> Object:
        """Creates a node as a kubelet would register it; `cpu` and `memory` are its capacity, all of it allocatable."""
        resources = {"cpu": cpu, "memory": memory, "pods": "1000"}
        return self.client.json("POST", "/api/v1/nodes", {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
            "status": {"capacity": resources, "allocatable": resources, "conditions": [_ready_condition(ready)]},
        })

    def set_node_ready(self, name: str, ready: bool) -> Object:
        """Sets the node's condition Ready."""
        return self._patch_status(f"/api/v1/nodes/{name}", {"conditions": [_ready_condition(ready)]})

    def delete_node(self, name: str) -> None:
        """Deletes the node; its pods stay, as without the controllers that would delete them."""
        self.client.json("DELETE", f"/api/v1/nodes/{name}")

    def patch_pod(self, namespace: str, name: str, change: Object) -> Object:
        """Applies a merge patch to a pod."""
        return self.client.json("PATCH", _pod_path(namespace, name), change, "application/merge-patch+json")

    def create_pod(self, manifest: Object) -> Object:
        """Creates a pod, in the namespace default unless its metadata name another, and returns it."""
        namespace = manifest["metadata"].get("namespace", "default")
        return self.client.json("POST", f"/api/v1/namespaces/{namespace}/pods",
                                {"apiVersion": "v1", "kind": "Pod", **manifest})

    def delete_pod(self, namespace: str, name: str, grace_period_seconds: int | None = None) -> Object:
        """Deletes a pod as a user does; a bound one stays, Terminating, until `remove_pod`.

        Without `grace_period_seconds` the pod's own terminationGracePeriodSeconds holds.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        return self.client.json("DELETE", _pod_path(namespace, name), options)

    def remove_pod(self, namespace: str, name: str) -> None:
        """Makes the pod object go at once, as kubelet does when the containers have ended (grace period 0)."""
        self.delete_pod(namespace, name, grace_period_seconds=0)

    def pod(self, namespace: str, name: str) -> Object | None:
        """The pod, or None if there is none of that name."""
        try:
            return self.client.json("GET", _pod_path(namespace, name))
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    def pods(self) -> list[Object]:
        """All pods of all namespaces."""
        return self.client.json("GET", "/api/v1/pods")["items"]

    def set_pod_phase(self, namespace: str, name: str, phase: str) -> Object:
        """Sets status.phase (Running, Succeeded, Failed) and the condition Ready that goes with it."""
        ready = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
        return self._patch_status(_pod_path(namespace, name), {"phase": phase, "conditions": [ready]})

    def bind(self, namespace: str, name: str, node: str, annotations: dict[str, str] | None = None) -> Object:
        """Binds a pod to a node as a scheduler does, for tests of what comes after."""
        return self.client.json("POST", f"{_pod_path(namespace, name)}/binding", {
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "annotations": annotations or {}},
            "target": {"kind": "Node", "name": node}})

    def events(self, namespace: str | None = None) -> list[Object]:
        """All Event objects, of one namespace or of all."""
        return self.client.json("GET", f"/api/v1/namespaces/{namespace}/events" if namespace else "/api/v1/events")["items"]

    def nodes(self) -> list[Object]:
        """All nodes."""
        return self.client.json("GET", "/api/v1/nodes")["items"]

    def apply(self, manifests: Path | str) -> list[Object]:
        """Creates or updates the objects of a YAML file (or of YAML text), several documents or one.

        The server reads the YAML itself (server-side apply); here only what makes the
        path of the request is looked up in it: apiVersion, kind, name, namespace.
        """
        text = manifests.read_text() if isinstance(manifests, Path) else manifests
        documents = [part for part in re.split(r"^---.*$", text, flags=re.M) if re.search(r"^[^#\s]", part, re.M)]
        return [self._apply(document) for document in documents]

    # Waiting

    def wait(self, predicate: Callable[[RealKubernetes], Result | None], timeout: float = 30.0) -> Result:
        """Waits until `predicate` gives something true, and returns that; TimeoutError after `timeout` seconds.

        It is asked again after each change of a pod, node, event or lease that the server
        reports by watch. A server that cannot be reached (a restart) counts as not yet.
        """
        deadline = time.monotonic() + timeout
        if self._changes is None:
            self._changes = Changes(self.client, WATCHED)
        seen = self._changes.count(timeout)
        while True:
            refusal: Exception | None = None
            try:
                result = predicate(self)
                if result:
                    return result
            except (OSError, http.client.HTTPException) as error:
                refusal = error
            if not self._changes.wait_for_more_than(seen, deadline - time.monotonic()):
                raise TimeoutError(f"still not true after {timeout} s; {refusal or self._summary()}")
            seen = self._changes.count(timeout)

    # Internals

    def _summary(self) -> str:
        pods = [f"{p['metadata']['namespace']}/{p['metadata']['name']} {p['status'].get('phase')}"
                f" on {p['spec'].get('nodeName', 'no node')}{' Terminating' if 'deletionTimestamp' in p['metadata'] else ''}"
                for p in self.pods()]
        return f"{len(pods)} pods: {', '.join(pods[:20])}"

    def _apply(self, document: str) -> Object:
        api_version, kind = _scalar(r"^apiVersion:", document), _scalar(r"^kind:", document)
        metadata = METADATA.search(document + "\n")
        if api_version is None or kind is None or metadata is None:
            raise ValueError(f"a manifest needs apiVersion, kind and metadata: {document.strip()[:200]!r}")
        before = rf"^{metadata['indent']}" if metadata["flow"] is None else r"[{,]\s*"
        name = _scalar(rf"{before}name:", metadata[0])
        namespace = _scalar(rf"{before}namespace:", metadata[0]) or "default"
        resource, namespaced = self._resource(api_version, kind)
        path = f"{_group_path(api_version)}/{f'namespaces/{namespace}/' if namespaced else ''}{resource}/{name}"
        answer = self.client.request("PATCH", f"{path}?fieldManager=tests&force=true", document.encode(),
                                     "application/apply-patch+yaml")
        if answer.status >= 400:
            raise KubernetesError("PATCH", path, answer)
        return json.loads(answer.body)

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        """The plural name of a kind and whether it lives in namespaces, as the server's discovery says."""
        if (api_version, kind) not in self._kinds:
            for resource in self.client.json("GET", _group_path(api_version))["resources"]:
                if "/" not in resource["name"]:
                    self._kinds[api_version, resource["kind"]] = resource["name"], resource["namespaced"]
        return self._kinds[api_version, kind]

    def _patch_status(self, path: str, status: Object) -> Object:
        return self.client.json("PATCH", f"{path}/status", {"status": status}, "application/strategic-merge-patch+json")

    def _write_credentials(self) -> None:
        self.authority.issue("apiserver", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost")
        self.authority.issue("service-account", "/CN=service-account")
        lines = [f'{self.tokens[user]},{name},{name},"{",".join(groups)}"\n' for user, (name, groups) in USERS.items()]
        (self.directory / "tokens.csv").write_text("".join(lines))

    def _start_api_server(self) -> None:
        self._api_server = self._spawn(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port}", "--advertise-address=127.0.0.1",
            # A loopback address may not become an endpoint of the service "kubernetes", and no pod asks for it.
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
            "--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key", "--client-ca-file=ca.crt",
            "--token-auth-file=tokens.csv", "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=service-account.crt", "--service-account-signing-key-file=service-account.key",
            "--enable-admission-plugins=NodeRestriction",
            # Both wait for a controller that is not there: for the account "default", for the taints of a new node.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition")
        self._await_ready("kube-apiserver", self._api_server, self._api_server_ready)

    @property
    def api_server_pid(self) -> int:
        """The process id of kube-apiserver, while it runs."""
        return self._running_api_server().pid

    def _running_api_server(self) -> subprocess.Popen[bytes]:
        if self._api_server is None:
            raise RuntimeError("the API server is not running")
        return self._api_server

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = find_program(name)
        assert program is not None, name
        with open(self.directory / f"{name}.log", "ab") as log:
            return subprocess.Popen([program, *arguments], cwd=self.directory, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def _etcd_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def _api_server_ready(self) -> bool:
        if self.client.request("GET", "/readyz").status != 200:
            return False
        # The server makes this namespace by itself, but only after it calls itself ready.
        return self.client.request("GET", "/api/v1/namespaces/default").status == 200

    def _await_ready(self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        """Asks until the process is ready; neither program announces that, so the pause is a wait for its end."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if ready():
                    return
            except (OSError, http.client.HTTPException) as error:
                refusal: object = error
            else:
                refusal = "it is not ready yet"
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not ready in {START_SECONDS} s: {refusal}; {self._last_words(name)}")
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"{name} ended with status {process.returncode}: {self._last_words(name)}")

    def _last_words(self, name: str) -> str:
        lines = (self.directory / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-5:])


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on; all are held at once so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _ready_condition(ready: bool) -> Object:
    return {"type": "Ready", "status": "True" if ready else "False",
            "reason": "KubeletReady" if ready else "KubeletNotReady"}


def _pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _group_path(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _scalar(before: str, text: str) -> str | None:
    """The plain or quoted YAML scalar that follows the pattern `before`."""
    found = re.search(before + r"""\s*["']?([^\s"',}#]+)""", text, re.M)
    return found[1] if found else None
