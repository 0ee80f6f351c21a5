"""Fixtures for tests of the PBS hooks."""
import base64
from pathlib import Path
from typing import Iterator

import pytest

from hooks.execution_host import ExecutionHost
from hooks.kubernetes_api import TOKEN, KubernetesAPI

# As kubeadm writes it.
KUBELET_CONF = """apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: {server}
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
preferences: {{}}
users:
- name: default-auth
  user:
    token: {token}
"""


@pytest.fixture
def host(tmp_path: Path) -> ExecutionHost:
    """An execution host named node1."""
    return ExecutionHost(tmp_path / "node1")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubernetesAPI]:
    """A Kubernetes API."""
    server = KubernetesAPI(tmp_path / "api")
    yield server
    server.stop()


@pytest.fixture
def node(host: ExecutionHost, api: KubernetesAPI) -> ExecutionHost:
    """An execution host whose kubelet has a credential for the API."""
    authority = base64.b64encode((api.directory / "ca.crt").read_bytes()).decode()
    kubeconfig = host.directory / "kubelet.conf"
    kubeconfig.write_text(KUBELET_CONF.format(authority=authority, server=api.url, token=TOKEN))
    host.configure(kubeconfig=str(kubeconfig), api_timeout=5)
    return host
