"""The host's hook brings the placeholder to its host."""
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from hooks.execution_host import HOOKS, ExecutionHost, native_job, pods_job


def installed(host: ExecutionHost) -> Path:
    """Where this host has it."""
    return host.directory / "lib" / "placeholder"


@pytest.mark.parametrize("happens", [
    lambda host: host.startup(), lambda host: host.periodic(), lambda host: host.run("EXECJOB_BEGIN", pods_job())])
def test_it_is_there_before_a_pods_job_begins(host: ExecutionHost, happens: Callable[[ExecutionHost], Any]) -> None:
    assert happens(host).rejected is None
    text = (HOOKS / "placeholder").read_text().replace("${1:-/sys/fs/cgroup}", "${1:-%s}" % host.cgroups)
    assert installed(host).read_text() == text and installed(host).stat().st_mode & 0o777 == 0o755
    assert os.listdir(str(host.directory / "lib")) == ["placeholder"]


def test_it_is_written_only_where_it_differs(host: ExecutionHost) -> None:
    host.startup()
    before = installed(host).stat()
    outcome = host.periodic()
    assert installed(host).stat().st_ino == before.st_ino and "placeholder" not in outcome.messages()
    for damage in (lambda path: path.write_text("exit 1"), lambda path: path.chmod(0o644), lambda path: path.unlink()):
        damage(installed(host))
        assert "put the placeholder" in host.periodic().messages()
        assert os.access(str(installed(host)), os.X_OK) and "trap" in installed(host).read_text()


def test_the_hosts_own_roots(host: ExecutionHost) -> None:
    host.configure(cgroup_root="/cgroup", kubelet_cgroup_root="/kubelet.slice")
    host.startup()
    assert "root=${1:-/cgroup}\nkubelet_root=${2:-/kubelet.slice}\n" in installed(host).read_text()
    host.configure(cgroup_root="/x'; reboot", kubelet_cgroup_root="")
    host.startup()
    assert "root=${1:-/sys/fs/cgroup}\nkubelet_root=${2:-/}\n" in installed(host).read_text()


def test_native_jobs_need_none(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    assert not installed(host).exists()


def test_an_empty_setting_turns_it_off(host: ExecutionHost) -> None:
    host.configure(placeholder="")
    assert host.startup().rejected is None and not (host.directory / "lib").exists()


def test_a_place_that_cannot_be_written(host: ExecutionHost) -> None:
    (host.directory / "lib").write_text("a file")
    outcome = host.run("EXECJOB_BEGIN", pods_job())
    assert outcome.rejected is None and "cannot put the placeholder to" in outcome.messages()


def test_hosts_that_share_a_directory_write_files_of_their_own(host: ExecutionHost) -> None:
    """On NFS another host's process of the same id may be about to write its own."""
    (host.directory / "lib" / ("placeholder.%d" % os.getpid())).mkdir(parents=True)
    assert "put the placeholder" in host.startup().messages()
    assert os.access(str(installed(host)), os.X_OK)


def test_what_cannot_be_put_in_place_is_not_left_beside_it(host: ExecutionHost) -> None:
    (installed(host) / "something").mkdir(parents=True)
    assert "cannot put the placeholder to" in host.startup().messages()
    assert os.listdir(str(host.directory / "lib")) == ["placeholder"]
