"""What a site adds to deploy/kubernetes, and what kubelet asks its pod."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from deploy.manifests import read_documents
from deploy.test_deploy import DEPLOY
from deploy.test_kustomize import KUBERNETES, OVERLAYS, made, only, read, server  # noqa: F401
from docs.markdown import section
from real.kubernetes import RealKubernetes


@pytest.mark.real_api
def test_the_component_adds_the_rights_of_rbac_nodes_yaml(server: RealKubernetes, tmp_path: Path) -> None:
    """In an overlay of a site's own, as docs/kubernetes.md has it."""
    folder = tmp_path / "site"
    folder.mkdir()
    with_component = section("docs/kubernetes.md", "## Node state both ways")
    text = textwrap.dedent("\n".join(line for line in with_component.splitlines() if line.startswith("    ")))
    here = os.path.relpath(KUBERNETES, folder)
    (folder / "kustomization.yaml").write_text(text.replace("../hybrid", f"{here}/overlays/hybrid").replace("../../components", f"{here}/components"))
    objects = read(server, tmp_path, made(str(folder)))
    names = {each["metadata"]["name"] for each in objects if each["kind"] in ("ClusterRole", "ClusterRoleBinding")}
    plain = {each["metadata"]["name"] for each in read(server, tmp_path, made("overlays/hybrid"))}
    assert names - plain == {"pbs-connector-binder-nodes"}
    (role,) = [each for each in objects if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "pbs-connector-binder-nodes"]
    assert role["rules"] == read_documents((DEPLOY / "rbac-nodes.yaml").read_text())[0]["rules"]


@pytest.mark.real_api
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubelet_asks_each_process_where_it_serves(overlay: str, server: RealKubernetes, tmp_path: Path) -> None:
    """Whether it is ready, and, as systemd's watchdog does for a minute, whether its loop turns."""
    objects = read(server, tmp_path, made(f"overlays/{overlay}"))
    (configuration,) = [each["data"]["config.yaml"] for each in objects if each["kind"] == "ConfigMap"]
    (settings,) = read_documents(configuration)
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert spec["hostNetwork"] is True, "127.0.0.1 is kubelet's as well"
    for container in spec["containers"]:
        probes = {name: container[name] for name in ("readinessProbe", "livenessProbe")}
        asked = {(name, probe["httpGet"]["path"], f"{probe['httpGet']['host']}:{probe['httpGet']['port']}") for name, probe in probes.items()}
        served = settings[container["name"]]["metrics-address"]
        assert asked == {("readinessProbe", "/readyz", served), ("livenessProbe", "/healthz", served)}
        assert [str(port["containerPort"]) for port in container["ports"]] == [served.rpartition(":")[2]]
        liveness = probes["livenessProbe"]
        assert liveness["periodSeconds"] * liveness["failureThreshold"] == 60
