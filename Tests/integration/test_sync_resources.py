"""sync-resources: hosts of PBS get cpus and memory from their nodes."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.site import Site
from integration.test_doctor import doctor
from integration.test_node_use import daemon
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("what PBS has is wrong on purpose")

HOSTS = {"node1": {"ncpus": 8, "mem": "8388608kb"}, "node2": {"ncpus": 2, "mem": "24684084kb"}}
MERGE = "application/merge-patch+json"


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", HOSTS) as simulator:
        simulator.add_resource("k8s_capacity", read_only=True)
        yield simulator


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    kubernetes = KubernetesSimulator()
    kubernetes.create_node("node1", cpu="2", memory="8Gi")
    kubernetes.create_node("node2", cpu="2", memory="24683060Ki")
    yield from running_site(tmp_path, kubernetes, pbs)


def configure(site: Site, rest: float = 600, on: str = "true") -> None:
    text = site.connector.configuration.rstrip("\n")
    text += f"\n  sync-interval: 0.2\n  sync-rest: {rest}\n  sync-resources: {on}\n"
    (site.connector.directory / "config.yaml").write_text(text)


def has(site: Site, name: str = "node1") -> tuple[str, str, str]:
    """ncpus, mem and our mark of a host, as PBS tells them."""
    with site.pbs.lock:
        host = site.pbs.server.hosts[name]
        return str(host.total["ncpus"]), host.memory_text, host.labels.get("k8s_capacity", "")


def wait_for(site: Site, expected: tuple[str, str], name: str = "node1", timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while has(site, name)[:2] != expected:
        assert time.monotonic() < deadline, has(site, name)
        time.sleep(0.05)


def allocatable(site: Site, cpu: str, name: str = "node1") -> None:
    site.kubernetes.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"allocatable": {"cpu": cpu}}}, MERGE)


def test_hosts_have_what_their_nodes_have(site: Site) -> None:
    site.kubernetes.create_pod(daemon("agent", "100m"))
    configure(site, rest=0.5)
    site.connector.start()
    wait_for(site, ("1", "7340032kb"))
    wait_for(site, ("2", "24683060kb"), "node2")
    assert has(site)[2] == f"{site.cluster}/mem=7340032kb/ncpus=1"
    site.connector["pbs-broker"].wait_for_log("host node1: ncpus is 1 now, as node node1 has it, and was 8", 30)
    # More of it, less of it; and a restart knows what is its own.
    allocatable(site, "4")
    wait_for(site, ("3", "7340032kb"))
    site.connector.restart("pbs-broker")
    allocatable(site, "2")
    wait_for(site, ("1", "7340032kb"))
    assert doctor(site).returncode == 0


def test_what_somebody_sets_by_hand_is_left_alone_until_it_agrees(site: Site, pbs: PBSSimulator) -> None:
    configure(site)
    site.connector.start()
    wait_for(site, ("2", "8388608kb"))
    pbs.set_available("node1", ncpus="4")
    broker = site.connector["pbs-broker"]
    words = "host node1: ncpus is 4, set by hand after sync-resources had set 2: it is left alone"
    broker.wait_for_log(words, 30)
    # As a new broker sees it, too.
    site.connector.restart("pbs-broker")
    site.connector["pbs-broker"].wait_for_log(words, 30)
    allocatable(site, "1")
    time.sleep(1)
    assert has(site)[0] == "4"
    assert site.connector["pbs-broker"].log().count("set by hand") <= 2
    told = doctor(site, "--sync-resources")
    assert ("note: host node1 ncpus is 4, set by hand after sync-resources had set 2, and is left alone\n"
            "    qmgr -c 'unset node node1 resources_available.k8s_capacity'") in told.stdout
    pbs.set_available("node1", k8s_capacity="")
    wait_for(site, ("1", "8388608kb"))


def test_what_jobs_hold_is_said_when_there_is_less(site: Site, pbs: PBSSimulator) -> None:
    pbs.submit("long", select="1:ncpus=6", user="alice")
    configure(site)
    site.connector.start()
    wait_for(site, ("2", "8388608kb"))
    site.connector["pbs-broker"].wait_for_log("jobs there hold 6, and no other starts until they hold less", 30)


@pytest.mark.parametrize("missing", ["right", "resource"])
def test_what_is_missing_in_pbs_is_said_once_with_the_line_for_it(site: Site, pbs: PBSSimulator, missing: str) -> None:
    manager, root_manages = pbs.settings.manager, pbs.settings.root_manages
    if missing == "right":
        pbs.settings.manager, pbs.settings.root_manages = "somebody", False
        line = "has to be an operator (qmgr -c 'set server operators += "
    else:
        del pbs.server.resources["k8s_capacity"]
        line = "k8s_capacity has to be there (qmgr -c 'create resource k8s_capacity type=string, flag=rh')"
    configure(site)
    site.connector.start()
    broker = site.connector["pbs-broker"]
    said = broker.wait_for_log("sync-resources: resources of hosts cannot be set in PBS", 30)
    assert line in said
    time.sleep(1.5)
    assert broker.log().count("cannot be set in PBS") == 1
    assert has(site)[0] == "8"
    # Nothing else suffers.
    site.create("runs")
    site.wait_bound("runs", 30)
    pbs.settings.manager, pbs.settings.root_manages = manager, root_manages
    pbs.add_resource("k8s_capacity", read_only=True)
    wait_for(site, ("2", "8388608kb"), timeout=60)


def test_it_is_off_by_default_and_a_reload_turns_it_on(site: Site) -> None:
    configure(site, on="false")
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all", 30)
    time.sleep(1)
    assert has(site) == ("8", "8388608kb", "")
    configure(site)
    site.connector["pbs-broker"].signal(signal.SIGHUP)
    wait_for(site, ("2", "8388608kb"))
    assert "changed are sync-resources" in site.connector["pbs-broker"].log()


def test_another_clusters_host_is_another_clusters(site: Site, pbs: PBSSimulator) -> None:
    pbs.set_available("node1", k8s_capacity="another/ncpus=8")
    configure(site)
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("host node1 is left alone, since its k8s_capacity is another's", 30)
    wait_for(site, ("2", "24683060kb"), "node2")
    assert has(site) == ("8", "8388608kb", "another/ncpus=8")
