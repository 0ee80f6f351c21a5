"""Each way of naming a credential, with the ServiceAccounts of deploy/rbac.yaml, on a real kube-apiserver."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator

import pytest

from integration.conftest import BRISK
from integration.connector import REPOSITORY, Connector
from integration.site import Site
from real.kubernetes import RealKubernetes
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("which PBS there is plays no part for credentials")

NAMESPACE = "pbs-connector"
CLIENTS = ("kube-watcher", "binder")
SERVICE_ACCOUNT_DIRECTORY = "/run/secrets/kubernetes.io/serviceaccount"


@dataclass
class Place:
    """A folder for what the credentials are made of, and the API that they are for."""

    folder: Path
    kubernetes: RealKubernetes
    files: dict[str, Path] = field(default_factory=dict)

    def kubeconfig(self, program: str, user: dict[str, object]) -> Path:
        """A kubeconfig whose one user is this."""
        path = self.folder / f"{program}.kubeconfig"
        self.kubernetes.write_kubeconfig(path)
        kubeconfig = json.loads(path.read_text())
        kubeconfig["users"][0]["user"] = user
        path.write_text(json.dumps(kubeconfig))
        return path

    def token(self, program: str) -> str:
        """A token of the program's ServiceAccount, another one each time."""
        return self.kubernetes.service_account_token(NAMESPACE, program)

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        self.files[name] = path
        return path


def inline_token(place: Place, program: str) -> Path:
    return place.kubeconfig(program, {"token": place.token(program)})


def token_file(place: Place, program: str) -> Path:
    return place.kubeconfig(program, {"tokenFile": str(place.file(f"{program}.token", place.token(program) + "\n"))})


def inline_certificate(place: Place, program: str) -> Path:
    path = place.folder / f"{program}.kubeconfig"
    return place.kubernetes.write_kubeconfig(path, user="admin", client_certificate=True)


def certificate_files(place: Place, program: str) -> Path:
    certificate, key = place.kubernetes.authority.issue("admin", "/O=system:masters/CN=admin")
    for source, name in ((certificate, "client.crt"), (key, "client.key")):
        shutil.copy(source, place.folder / name)
    # Relative names are relative to the kubeconfig.
    return place.kubeconfig(program, {"client-certificate": "client.crt", "client-key": "client.key"})


def plugin(place: Place, program: str) -> Path:
    """A credential plugin whose tokens end at once, and which notes each of its runs."""
    answer = place.file(f"{program}.answer", json.dumps({
        "apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
        "status": {"token": place.token(program), "expirationTimestamp": "2020-01-01T00:00:00Z"}}))
    runs = place.file(f"{program}.runs", "")
    command = place.file(f"{program}.plugin", '#!/bin/sh\necho "$1 $ANSWERS $KUBERNETES_EXEC_INFO" >> "$2"\ncat "$3"\n', 0o700)
    return place.kubeconfig(program, {"exec": {
        "apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(command),
        "args": ["get-token", str(runs), str(answer)], "env": [{"name": "ANSWERS", "value": "promptly"}]}})


def plugin_with_certificate(place: Place, program: str) -> Path:
    """A credential plugin that prints a client certificate and its key, and no token."""
    certificate, key = place.kubernetes.authority.issue(f"{program}-plugin", "/O=system:masters/CN=admin")
    answer = place.file(f"{program}.answer", json.dumps({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()}}))
    command = place.file(f"{program}.plugin", f'#!/bin/sh\ncat "{answer}"\n', 0o700)
    return place.kubeconfig(program, {"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(command), "provideClusterInfo": True}})


KINDS: dict[str, Callable[[Place, str], Path]] = {
    "token": inline_token, "token file": token_file, "certificate": inline_certificate,
    "certificate files": certificate_files, "plugin": plugin, "plugin with certificate": plugin_with_certificate,
}


@pytest.fixture
def place(tmp_path: Path, real_kubernetes: RealKubernetes) -> Place:
    real_kubernetes.apply(REPOSITORY / "deploy" / "rbac.yaml")
    for node in {"node1", "node2"} - {node["metadata"]["name"] for node in real_kubernetes.nodes()}:
        real_kubernetes.create_node(node)
    return Place(tmp_path, real_kubernetes)


@pytest.fixture
def connected(place: Place, pbs: PBSSimulator) -> Iterator[Callable[[Connector], Site]]:
    """Starts a connector with given credentials on the real API; cleans up afterwards."""
    connectors: list[Connector] = []

    def connect(connector: Connector) -> Site:
        connectors.append(connector)
        known = {node["metadata"]["name"] for node in place.kubernetes.nodes()}
        for host in pbs.host_names:
            if host not in known:
                place.kubernetes.create_node(host)
        connector.start()
        return Site(place.kubernetes, pbs, connector)

    yield connect
    for connector in connectors:
        print(connector.logs())
        connector.close()
    for pod in place.kubernetes.pods():
        place.kubernetes.remove_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_pod_is_bound_with_each_kind_of_credential(
        place: Place, connected: Callable[[Connector], Site], pbs: PBSSimulator, kind: str) -> None:
    kubeconfigs = {program: KINDS[kind](place, program) for program in CLIENTS}
    site = connected(Connector(place.folder, kubeconfigs, pbs.exec_dir, configuration=BRISK))
    site.create("redis")
    site.wait_bound("redis")
    if kind == "plugin":
        runs = place.files["binder.runs"].read_text().splitlines()
        assert len(runs) > 1, "the token has expired: the plugin is asked again"
        assert {run.split(" {")[0] for run in runs} == {"get-token promptly"}
        assert json.loads(runs[0].split(" ", 2)[2])["kind"] == "ExecCredential"


def test_in_a_pod_the_service_account_is_used(
        place: Place, connected: Callable[[Connector], Site], pbs: PBSSimulator) -> None:
    reason = cannot_mount()
    if reason:
        pytest.skip(reason)
    host, port = place.kubernetes.url.removeprefix("https://").split(":")
    connector = Connector(place.folder, {}, pbs.exec_dir, configuration=BRISK, environment={
        "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HOME": "/nonexistent"})
    for program in CLIENTS:
        # As kubelet lays a ServiceAccount's volume out in a container.
        account = place.folder / f"{program}.account"
        account.mkdir()
        shutil.copy(place.kubernetes.authority.certificate, account / "ca.crt")
        (account / "namespace").write_text(NAMESPACE)
        (account / "token").write_text(place.token(program))
        connector.wrappers[program] = [
            "unshare", "--mount", "sh", "-ec",
            f'mount -t tmpfs none /run/secrets 2> /dev/null || {{ mount -t tmpfs none /run; mkdir -p /run/secrets; }}\n'
            f'mkdir -p {SERVICE_ACCOUNT_DIRECTORY}\nmount --bind "$0" {SERVICE_ACCOUNT_DIRECTORY}\nexec "$@"', str(account)]
    site = connected(connector)
    site.create("redis")
    site.wait_bound("redis")


def cannot_mount() -> str | None:
    """Why a test cannot give a process a file system of its own; None where it can."""
    if os.geteuid() != 0:
        return "not root: no mount namespaces"
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"no mount namespaces: {done.stderr.strip()}"
