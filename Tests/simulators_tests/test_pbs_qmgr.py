"""qmgr of the PBS simulator: what a vnode has, as pbsnodes and the scheduler see it then."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.pbs import PBSSimulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 8, "mem": "8gb"}}) as running:
        running.add_resource("k8s_capacity", read_only=True)
        yield running


def qmgr(simulator: PBSSimulator, directive: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["qmgr", "-c", directive], env=simulator.environment, capture_output=True, text=True, timeout=30)


def test_a_vnode_has_what_is_set(simulator: PBSSimulator) -> None:
    set_ = ('set node node1 resources_available.ncpus = 1, resources_available.mem = "4096kb", '
            'resources_available.k8s_capacity = "c-1/mem=4096kb/ncpus=1"')
    answer = qmgr(simulator, set_)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    told = subprocess.run(["pbsnodes", "-av"], env=simulator.environment, capture_output=True, text=True, timeout=30).stdout
    for line in ("ncpus = 1", "mem = 4096kb", "k8s_capacity = c-1/mem=4096kb/ncpus=1"):
        assert f"     resources_available.{line}\n" in told
    assert qmgr(simulator, "unset node node1 resources_available.k8s_capacity").returncode == 0
    assert "k8s_capacity" not in simulator.server.hosts["node1"].labels
    job = simulator.submit(select="1:ncpus=2")
    simulator.wait(lambda p: "Insufficient amount of resource: ncpus" in (p.server.comment(p.job(job.id)) or ""), 10, "a comment")


@pytest.mark.parametrize("directive, status, words", [
    ("set node node9 resources_available.ncpus = 1", 15062 & 0xFF, "Unknown node"),
    ("set node node1 resources_available.nothing = 1", 15035 & 0xFF, "Unknown resource"),
    ("set node node1 resources_available.ncpus = many", 15014 & 0xFF, "Illegal attribute or resource value"),
])
def test_what_is_wrong_is_refused_and_changes_nothing(simulator: PBSSimulator, directive: str, status: int, words: str) -> None:
    answer = qmgr(simulator, directive)
    assert answer.returncode == status and words in answer.stderr, answer
    assert simulator.server.hosts["node1"].total["ncpus"] == 8


def test_who_is_no_operator_is_refused(simulator: PBSSimulator) -> None:
    simulator.settings.manager, simulator.settings.root_manages = "somebody", False
    answer = qmgr(simulator, "set node node1 resources_available.ncpus = 1")
    assert answer.returncode == 15007 & 0xFF and "Unauthorized Request" in answer.stderr
