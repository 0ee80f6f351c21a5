"""What integration tests stand on: an API (simulated or real), a PBS (simulated), the three processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from integration.connector import Connector, program_folder, PROGRAMS
from integration.site import Site
from real.kubernetes import RealKubernetes
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

HOSTS: dict[str, dict[str, int | str]] = {"node1": {"ncpus": 8, "mem": "16777216kb"}, "node2": {"ncpus": 8, "mem": "16777216kb"}}

# Settings that keep the tests short; what they are by default is a matter of docs/configuration.md.
BRISK = """
pbs-broker:
  look-interval: 0.1
  orphan-grace: 1
  terminating-patience: 1
  vanish-interval: 0.5
"""


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The executables must have been built: a test that runs old ones says nothing."""
    for program in PROGRAMS:
        assert (program_folder() / program).exists(), f"{program} is not built in {program_folder()}: run `swift build`"


@pytest.fixture(scope="session")
def real_kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubernetes]:
    """One real kube-apiserver for all tests that want it."""
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    server = RealKubernetes(tmp_path_factory.mktemp("kubernetes"))
    server.start()
    for node in ("node1", "node2"):
        server.create_node(node)
    yield server
    server.close()


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    """A PBS with two hosts."""
    with PBSSimulator(tmp_path / "pbs", HOSTS) as simulator:
        yield simulator


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """A whole site on simulators, with kubelets that start and stop pods at once."""
    kubernetes = KubernetesSimulator(kubelet=Kubelet())
    kubernetes.start()
    for node in ("node1", "node2"):
        kubernetes.create_node(node)
    yield from _site(tmp_path, kubernetes, pbs, BRISK)


@pytest.fixture
def bare_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """The same without kubelets: a bound pod stays Pending, a deleted one Terminating."""
    kubernetes = KubernetesSimulator()
    kubernetes.start()
    for node in ("node1", "node2"):
        kubernetes.create_node(node)
    yield from _site(tmp_path, kubernetes, pbs, BRISK)


@pytest.fixture(params=["simulated", "real"])
def either_site(request: pytest.FixtureRequest, tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    """A site on the simulated API, and the same on a real kube-apiserver."""
    if request.param == "simulated":
        kubernetes: Any = KubernetesSimulator()
        kubernetes.start()
        for node in ("node1", "node2"):
            kubernetes.create_node(node)
    else:
        kubernetes = request.getfixturevalue("real_kubernetes")
    yield from _site(tmp_path, kubernetes, pbs, BRISK)


def _site(tmp_path: Path, kubernetes: Any, pbs: PBSSimulator, configuration: str) -> Iterator[Site]:
    kubeconfig = tmp_path / "kubeconfig"
    kubernetes.write_kubeconfig(kubeconfig)
    connector = Connector(tmp_path, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir,
                          configuration=configuration)
    site = Site(kubernetes, pbs, connector)
    try:
        yield site
    finally:
        print(connector.logs())
        connector.close()
        if isinstance(kubernetes, KubernetesSimulator):
            kubernetes.stop()
        else:
            for pod in kubernetes.pods():
                kubernetes.remove_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])
