"""What integration tests stand on: an API and a PBS, each simulated or real, and the three processes.

Each test with a PBS runs on the simulated one and on a real one, where one answers. With
PBS_CONNECTOR_BACKEND=libpbs the simulated one has a library, and the broker uses it. A test
that makes PBS do what only a simulator can is marked simulated_pbs, with the reason.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.connector import Connector, program_folder, PROGRAMS
from integration.site import Site
from integration.site_pbs import PATIENCE, SitePBS
from real.kubernetes import RealKubernetes
from real.pbs import RealPBS, lab_program
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import BACKEND, PBSSimulator

HOSTS: dict[str, dict[str, int | str]] = {"node1": {"ncpus": 8, "mem": "16777216kb"}, "node2": {"ncpus": 8, "mem": "16777216kb"}}

# Settings that keep the tests short; what they are by default is a matter of docs/configuration.md.
BRISK = """
pbs-broker:
  look-interval: 0.1
  connections-per-minute: 100000
  orphan-grace: 1
  terminating-patience: 1
  vanish-interval: 0.5
"""
# A real PBS is asked less often: it has other things to do.
SITE_LOOK_INTERVAL, LAB_LOOK_INTERVAL = "look-interval: 1", "look-interval: 0.5"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pbs" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("simulated_pbs")
        assert marker is None or (len(marker.args) == 1 and isinstance(marker.args[0], str)), "simulated_pbs needs a reason"
        metafunc.parametrize("pbs", ["simulated_pbs"] if marker else ["simulated_pbs", "real_pbs"], indirect=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Here and not in a fixture, so that pytest -rs tells it once and not for each test.
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    fixtures = item.fixturenames if isinstance(item, pytest.Function) else []
    missing = []
    if parameters.get("pbs") == "real_pbs":
        missing.append(RealPBS.missing())
    if parameters.get("either_site") == "real_api" or "real_kubernetes" in fixtures:
        reason = RealKubernetes.missing()
        missing.append(reason and f"no real Kubernetes here: {reason}")
    for reason in filter(None, missing):
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The executables must have been built: a test that runs old ones says nothing."""
    assert os.environ.get(BACKEND, "commands") in ("commands", "libpbs"), f"{BACKEND} is libpbs or commands"
    for program in PROGRAMS:
        assert (program_folder() / program).exists(), f"{program} is not built in {program_folder()}: run `swift build`"


@pytest.fixture(scope="session")
def real_kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubernetes]:
    """One real kube-apiserver for all tests that want it."""
    server = RealKubernetes(tmp_path_factory.mktemp("kubernetes"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def real_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The real PBS has room for the pods of a test, as the simulated one has."""
    pbs = SitePBS(tmp_path_factory.mktemp("hosts") / "pbs")
    try:
        pbs.provide(ncpus=sum(int(host["ncpus"]) for host in HOSTS.values()), hosts=len(HOSTS))
        yield
    finally:
        pbs.close()


@pytest.fixture
def pbs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PBSSimulator | SitePBS]:
    """A PBS with two hosts: simulated, or a real one."""
    if request.param == "simulated_pbs":
        with PBSSimulator(tmp_path / "pbs", HOSTS) as simulator:
            yield simulator
        return
    request.getfixturevalue("real_hosts")
    # pytest's own folders are for who runs it alone.
    with tempfile.TemporaryDirectory(prefix="site-pbs-") as name:
        Path(name).chmod(0o711)
        real = SitePBS(Path(name) / "pbs")
        real.require_no_other_connector()
        try:
            yield real
        finally:
            real.close()


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator | SitePBS) -> Iterator[Site]:
    """A whole site on the simulated API, with kubelets that start and stop pods at once."""
    yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs)


@pytest.fixture
def bare_site(tmp_path: Path, pbs: PBSSimulator | SitePBS) -> Iterator[Site]:
    """The same without kubelets: a bound pod stays Pending, a deleted one Terminating."""
    yield from running_site(tmp_path, KubernetesSimulator(), pbs)


@pytest.fixture
def default_site(tmp_path: Path, pbs: PBSSimulator | SitePBS) -> Iterator[Site]:
    """A whole site whose settings are the connector's own, for tests that count what it does in a while."""
    yield from running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs, configuration="")


@pytest.fixture(params=["simulated_api", "real_api"])
def either_site(request: pytest.FixtureRequest, tmp_path: Path, pbs: PBSSimulator | SitePBS) -> Iterator[Site]:
    """A site on the simulated API, and the same on a real kube-apiserver."""
    if request.param == "simulated_api":
        yield from running_site(tmp_path, KubernetesSimulator(), pbs)
    else:
        yield from running_site(tmp_path, request.getfixturevalue("real_kubernetes"), pbs)


@pytest.fixture
def real_api_site(tmp_path: Path, real_kubernetes: RealKubernetes, pbs: PBSSimulator | SitePBS) -> Iterator[Site]:
    """A site on a real kube-apiserver."""
    yield from running_site(tmp_path, real_kubernetes, pbs)


def running_site(tmp_path: Path, kubernetes: Any, pbs: PBSSimulator | SitePBS, configuration: str | None = None) -> Iterator[Site]:
    """A site until the generator is closed; without a `configuration` one that keeps tests short."""
    if isinstance(kubernetes, KubernetesSimulator):
        kubernetes.start()
    known = {node["metadata"]["name"] for node in kubernetes.nodes()}
    for host in pbs.host_names:
        if host not in known:
            kubernetes.create_node(host)
    kubeconfig = tmp_path / "kubeconfig"
    kubernetes.write_kubeconfig(kubeconfig)
    is_real = isinstance(pbs, SitePBS)
    real_interval = LAB_LOOK_INTERVAL if lab_program() else SITE_LOOK_INTERVAL
    if configuration is None:
        configuration = re.sub("look-interval: .*", real_interval, BRISK) if is_real else BRISK
    kubeconfigs = {"kube-watcher": kubeconfig, "binder": kubeconfig}
    if isinstance(pbs, SitePBS):
        connector = Connector(pbs.directory, kubeconfigs, pbs.exec_dir, configuration=configuration, broker_user=pbs.submitter,
                              wrappers={"pbs-broker": pbs.as_submitter})
    else:
        connector = Connector(tmp_path, kubeconfigs, pbs.exec_dir, configuration=configuration)
    site = Site(kubernetes, pbs, connector, PATIENCE if is_real else 1.0)
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
