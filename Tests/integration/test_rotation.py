"""Certificates, authorities and kubeconfigs that change on disk, and credential plugins that give certificates."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.site import Site
from integration.tls_front import TLSFront
from real.certificates import CertificateAuthority

pytestmark = pytest.mark.simulated_pbs("PBS is not what changes")

SERVER = "/CN=kube-apiserver", "IP:127.0.0.1,DNS:api.example"
# The files are looked at every 10 s, and a second after a refusal (ConnectionSource).
READ_AGAIN = 15.0


@dataclass
class Place:
    """A site whose binder reaches the API by a TLS front, and the authorities of both sides."""

    site: Site
    front: TLSFront
    folder: Path

    def authority(self, name: str) -> CertificateAuthority:
        folder = self.folder / name
        folder.mkdir()
        return CertificateAuthority(folder)

    def write_kubeconfig(self, user: dict[str, Any], **cluster: Any) -> Path:
        """Writes the binder's kubeconfig anew, as a whole."""
        path = self.folder / "binder.kubeconfig"
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{self.front.port}", **cluster}}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        replace(path, json.dumps(config))
        self.site.connector.kubeconfigs = {**self.site.connector.kubeconfigs, "binder": path}
        return path

    def bind(self, name: str, timeout: float = READ_AGAIN) -> None:
        self.site.create(name)
        self.site.wait_bound(name, timeout)

    @property
    def binder(self) -> Any:
        return self.site.connector["binder"]


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Writes a file as a whole: it never lacks a part of its text."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(mode)
    os.replace(new, path)


def inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture
def place(site: Site, tmp_path: Path) -> Iterator[Place]:
    front = TLSFront(site.kubernetes.port)
    yield Place(site, front, tmp_path)
    front.close()


@pytest.mark.parametrize("is_inline", [True, False], ids=["inline", "file"])
def test_a_server_with_a_certificate_of_another_authority_is_trusted_once_the_file_names_it(place: Place, is_inline: bool) -> None:
    old, new = place.authority("old"), place.authority("new")
    authority = place.folder / "ca.crt"

    def trust(which: CertificateAuthority) -> None:
        if is_inline:
            place.write_kubeconfig({"token": "t"}, **{"certificate-authority-data": inline(which.certificate)})
        else:
            replace(authority, which.certificate.read_text())

    place.front.serve(*old.issue("server", *SERVER))
    trust(old)
    if not is_inline:
        place.write_kubeconfig({"token": "t"}, **{"certificate-authority": "ca.crt"})
    place.site.connector.start()
    place.bind("before")

    place.front.serve(*new.issue("server", *SERVER))
    place.site.create("after")
    place.binder.wait_for_log("TLS: ", READ_AGAIN)
    assert place.site.node_of("after") is None, "the new authority is not trusted yet"
    trust(new)
    place.site.wait_bound("after", READ_AGAIN)
    place.binder.wait_for_log("changed: certificates and credentials read again")
    assert place.binder.is_running


def test_a_client_certificate_that_was_replaced_is_used_from_then_on(place: Place) -> None:
    old, new = place.authority("old"), place.authority("new")

    def hand_out(authority: CertificateAuthority, name: str) -> None:
        certificate, key = authority.issue(name, f"/CN={name}")
        replace(place.folder / "client.crt", certificate.read_text())
        replace(place.folder / "client.key", key.read_text())

    server = old.issue("server", *SERVER)
    place.front.serve(*server, clients_authority=old.certificate)
    hand_out(old, "first")
    place.write_kubeconfig({"client-certificate": "client.crt", "client-key": "client.key"},
                           **{"certificate-authority-data": inline(old.certificate)})
    place.site.connector.start()
    place.bind("before")
    assert set(place.front.clients) == {"first"}

    # While the old one still works: the next look at the files finds the new one.
    hand_out(old, "second")
    deadline = time.monotonic() + 2 * READ_AGAIN
    while place.front.clients[-1] != "second":
        assert time.monotonic() < deadline, "the new certificate was never used"
        place.bind("meanwhile")
        place.site.wait_event("meanwhile", "Scheduled")
        place.site.kubernetes.delete_pod("default", "meanwhile")
        place.site.wait_gone("meanwhile")

    # The old one works no more.
    place.front.serve(*server, clients_authority=new.certificate)
    hand_out(new, "third")
    place.bind("after")
    assert place.front.clients[-1] == "third"


def test_a_kubeconfig_that_names_another_server_ends_the_process(place: Place) -> None:
    authority = place.authority("authority")
    place.front.serve(*authority.issue("server", *SERVER))
    trust = {"certificate-authority-data": inline(authority.certificate)}
    path = place.write_kubeconfig({"token": "t"}, **trust)
    place.site.connector.start()
    place.bind("before")
    replace(path, path.read_text().replace("127.0.0.1", "localhost"))
    # The front's end makes it look at once.
    place.front.serve(*place.authority("other").issue("server", *SERVER))
    place.site.create("after")
    assert place.binder.wait(READ_AGAIN) == 1
    last = place.binder.lines[-1]
    assert f"{path}: the server is now https://localhost:{place.front.port} and was https://127.0.0.1:{place.front.port}" in last


def test_the_servers_certificate_may_have_another_name(place: Place) -> None:
    authority = place.authority("authority")
    place.front.serve(*authority.issue("server", "/CN=api.example", "DNS:api.example"))
    place.write_kubeconfig({"token": "t"}, **{
        "certificate-authority-data": inline(authority.certificate), "tls-server-name": "api.example"})
    place.site.connector.start()
    place.bind("redis")
    assert place.front.hosts == {f"127.0.0.1:{place.front.port}"}, "the Host header is the server's own"


# Credential plugins


def write_plugin(place: Place, script: str) -> Path:
    path = place.folder / "plugin"
    replace(path, f"#!/bin/sh\ncd {place.folder}\n{script}\n", 0o700)
    return path


def exec_user(plugin: Path, **fields: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never", **fields}}


def write_answer(place: Place, **status: str) -> None:
    replace(place.folder / "answer", json.dumps(
        {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))


def test_a_plugin_gives_a_client_certificate_and_later_another(place: Place) -> None:
    authority = place.authority("authority")
    place.front.serve(*authority.issue("server", *SERVER), clients_authority=authority.certificate)

    def give(name: str, **status: str) -> None:
        certificate, key = authority.issue(name, f"/CN={name}")
        write_answer(place, clientCertificateData=certificate.read_text(), clientKeyData=key.read_text(), **status)

    give("first", expirationTimestamp="2020-01-01T00:00:00Z")
    plugin = write_plugin(place, 'echo "$KUBERNETES_EXEC_INFO" >> runs; cat answer')
    place.write_kubeconfig(
        exec_user(plugin, provideClusterInfo=True),
        **{"certificate-authority-data": inline(authority.certificate),
           "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "pbs", "depth": 2}}]})
    place.site.connector.start()
    place.bind("before")
    assert set(place.front.clients) == {"first"}
    # What has expired is not used again: the next request asks the plugin.
    give("second")
    place.bind("after")
    assert place.front.clients[-1] == "second"
    runs = [json.loads(line) for line in (place.folder / "runs").read_text().splitlines()]
    assert runs[0] == {
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {"interactive": False, "cluster": {
            "server": f"https://127.0.0.1:{place.front.port}", "certificate-authority-data": inline(authority.certificate),
            "config": {"audience": "pbs", "depth": 2}}}}


def test_what_a_plugin_prints_is_never_logged_and_a_failing_one_is_not_run_all_the_time(place: Place) -> None:
    authority = place.authority("authority")
    place.front.serve(*authority.issue("server", *SERVER))
    plugin = write_plugin(place, 'echo run >> runs; echo secret-token; printf "no\\033[31m access" >&2; exit 3')
    place.write_kubeconfig(exec_user(plugin, installHint="ask the site"),
                           **{"certificate-authority-data": inline(authority.certificate)})
    place.site.connector.start()
    line = place.binder.wait_for_log("credential plugin")
    assert f"credential plugin {plugin}: it ended with status 3: no\\u{{1b}}[31m access (ask the site)" in line
    write_answer(place, token="t")
    replace(plugin, f"#!/bin/sh\necho run >> {place.folder}/runs; cat {place.folder}/answer\n", 0o700)
    place.bind("redis", 30)
    assert "secret-token" not in place.binder.log()
    # Waits grow from half a second on.
    assert len((place.folder / "runs").read_text().splitlines()) <= 6
