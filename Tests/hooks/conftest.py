"""Fixtures for tests of the PBS hooks."""
from pathlib import Path
from typing import Iterator

import pytest

from hooks.execution_host import ExecutionHost
from hooks.kubernetes_node import KUBELETS, Node
from simulators.kubernetes import KubernetesSimulator


@pytest.fixture
def host(tmp_path: Path) -> ExecutionHost:
    """An execution host named node1, without a kubelet."""
    return ExecutionHost(tmp_path / "node1")


@pytest.fixture(params=["1.20", "1.36"])
def kubernetes(request: pytest.FixtureRequest) -> Iterator[KubernetesSimulator]:
    """A Kubernetes API of either release, over TLS."""
    with KubernetesSimulator(request.param, tls=True, tokens=KUBELETS) as simulator:
        simulator.create_node("node1", cpu="4", memory="8Gi")
        yield simulator


@pytest.fixture
def node(tmp_path: Path, kubernetes: KubernetesSimulator) -> Node:
    """node1, an execution host and a node of that Kubernetes: four CPUs and eight gibibytes."""
    return Node(tmp_path / "node1", kubernetes)
