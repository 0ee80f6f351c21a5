"""The hooks on every Python of this machine, in short; make test-hooks runs all of their tests on each."""
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import HOST_HOOK, HOOKS, native_job
from hooks.kubernetes_node import Node
from hooks.pbs_stand_in import WAIT_OF_MOM
from hooks.pythons import pythons

PYTHONS = pythons()


@pytest.fixture(params=list(PYTHONS))
def python(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run hooks with this release."""
    monkeypatch.setenv("HOOKS_PYTHON", PYTHONS[request.param])
    return PYTHONS[request.param]


def test_there_are_some() -> None:
    assert PYTHONS, "the tests themselves run on one"


def test_a_native_and_a_pods_job_from_begin_to_end(node: Node, python: str) -> None:
    """All that a host's hook does, with the API over TLS, whose authority has no key identifiers: Python
    3.13 and newer refuse it by default."""
    pod = node.pod()
    job = node.job_of(pod, resources_used="cput=00:00:00,mem=0kb,walltime=00:00:10")
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    cgroup.use(5, 2 ** 20)
    native = native_job(Resource_List="place=exclhost")
    for outcome in (node.run("EXECJOB_BEGIN", native), node.run("EXECJOB_BEGIN", job), node.periodic(native, job)):
        assert outcome.rejected is None and "Traceback" not in outcome.messages()
    assert node.requests() == {"5.pbsserver": {"cpu": "4", "memory": "8388608Ki"}}
    assert str(job.resources_used) == "cput=00:00:05,mem=1024kb,walltime=00:00:10,cpupercent=50"
    node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43"))
    assert cgroup.frozen
    node.run("EXECJOB_PRERESUME", node.job_of(pod, substate="43"))
    assert not cgroup.frozen
    node.run("EXECJOB_END", job)
    node.run("EXECJOB_END", native)
    assert node.deletes() == [200] and node.files() == []


def test_it_is_built_the_same(tmp_path: Path, python: str) -> None:
    subprocess.run([python, str(HOOKS / "installer" / "build.py"), str(tmp_path / "a.PY")], check=True)
    assert (tmp_path / "a.PY").read_bytes() == HOST_HOOK.read_bytes()


def test_the_hook_waits_as_the_stand_in_takes_it_to() -> None:
    assert HOST_HOOK.read_text().count(WAIT_OF_MOM) == 1
