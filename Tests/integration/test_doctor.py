"""`pbs-broker doctor`: PBS's hosts against Kubernetes' nodes, as both sides tell."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.connector import program_folder
from integration.site import Site
from integration.test_node_use import daemon
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("what PBS has is wrong on purpose")

HOSTS = {"node1": {"ncpus": 8, "mem": "8388608kb"}, "node2": {"ncpus": 2, "mem": "24684084kb"}, "node3": {"ncpus": 2, "mem": "8388608kb"}}


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", HOSTS) as simulator:
        yield simulator


@pytest.fixture
def wrong_site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    kubernetes = KubernetesSimulator()
    kubernetes.create_node("node1", cpu="2", memory="8Gi")
    kubernetes.create_node("node2", cpu="2", memory="24683060Ki")
    kubernetes.create_node("node3.site.org", cpu="2", memory="8Gi")
    kubernetes.create_node("node4")
    yield from running_site(tmp_path, kubernetes, pbs)


def doctor(site: Site, *arguments: str) -> "subprocess.CompletedProcess[str]":
    options = ["--watcher", str(site.connector.socket("kube-watcher")), "--pbs-exec", str(site.pbs.exec_dir)]
    return subprocess.run([program_folder() / "pbs-broker", *options, *arguments, "doctor"],
                          capture_output=True, text=True, timeout=60, cwd="/", env=site.pbs.environment)


def test_what_is_wrong_is_told_with_its_cure(wrong_site: Site) -> None:
    site = wrong_site
    # A host of PBS by the first part of its name alone.
    site.kubernetes.delete_node("node3")
    site.kubernetes.request("PATCH", "/api/v1/nodes/node3.site.org", {"spec": {"unschedulable": True}},
                            "application/merge-patch+json")
    site.kubernetes.create_pod(daemon("agent", "100m"))
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log(
        "warning: host node1: ncpus is 8, and its node has 1.9 cpu for jobs (2 less 0.1 of DaemonSets and static pods)", 30)
    site.connector["pbs-broker"].wait_for_log("warning: host node2: mem is 24684084kb, and its node has 24683060kb for jobs", 30)
    told = doctor(site)
    assert told.returncode == 1, told
    print(told.stdout)
    for words in ("wrong: host node1 ncpus is 8, and its node has 1.9 cpu for jobs (2 less 0.1 of DaemonSets and static pods)\n"
                  "    qmgr -c 'set node node1 resources_available.ncpus = 1'",
                  "wrong: host node2 mem is 24684084kb, and its node has 24683060kb for jobs\n"
                  "    qmgr -c 'set node node2 resources_available.mem = 24683060kb'",
                  "wrong: host node3 its node is cordoned, and PBS starts jobs there\n    pbsnodes -o node3",
                  "note: host node3 is taken for node node3.site.org by a part of its name",
                  "note: node node4 is no host of PBS",
                  "note: queue workq: kill_delay is 10 s, and pods have 30 s of grace"):
        assert words in told.stdout, words
    assert told.stderr == ""


def test_two_sides_that_agree_are_status_0(site: Site) -> None:
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all", 30)
    told = doctor(site)
    assert told.returncode == 0, told
    assert "wrong" not in told.stdout and told.stdout.count(" ok") == len(site.nodes)


@pytest.mark.parametrize("away", ["kube-watcher", "PBS"])
def test_when_it_cannot_look_that_is_status_2_and_one_line(site: Site, pbs: PBSSimulator, away: str) -> None:
    if away == "PBS":
        site.connector.start("kube-watcher")
        site.connector["kube-watcher"].wait_for_log("watches the cluster", 30)
        pbs.stop()
    told = doctor(site)
    assert told.returncode == 2 and told.stdout == "", told
    assert "pbs-broker: " in told.stderr
