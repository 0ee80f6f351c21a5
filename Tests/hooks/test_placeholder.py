"""The placeholder holds a job's place until the pod's containers are gone."""
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest

from hooks.cgroup_tree import PATHS, PodCgroup
from hooks.execution_host import HOOKS, POD_UID
from hooks.timing import awaited

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
ENDED_BY_SIGTERM = 143


class Placeholder:
    """The script in a session of its own, as MoM runs it, with a PBS whose pbs_attach notes what it is told."""

    def __init__(self, directory: Path, shell: str = "dash", uid: str = POD_UID, kubelet_root: str = "/") -> None:
        self.root = directory / "cgroup"
        self.root.mkdir(exist_ok=True)
        self.told = directory / "told"
        attach = directory / "pbs" / "bin" / "pbs_attach"
        attach.parent.mkdir(parents=True)
        attach.write_text('#!/bin/sh\necho "$@" > "%s.new"; mv "%s.new" "%s"\n' % ((self.told,) * 3))
        attach.chmod(0o755)
        conf = directory / "pbs.conf"
        conf.write_text("PBS_SERVER=pbsserver\nPBS_EXEC=%s\n" % attach.parent.parent)
        environment = {"KUBERNETES_POD_UID": uid, "PBS_JOBID": "6.pbsserver", "PBS_CONF_FILE": str(conf)}
        command = [str(shutil.which(shell))] + (["sh"] if shell == "busybox" else [])
        command += [str(HOOKS / "placeholder"), str(self.root), kubelet_root]
        self.process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
        awaited(self.waits)

    def waits(self) -> bool:
        """Whether it has started its sleep: the trap stands by then."""
        try:
            children = Path("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read_text().split()
            return any(Path("/proc/%s/cmdline" % child).read_bytes().startswith(b"sleep") for child in children)
        except OSError:
            return False

    def terminate(self) -> None:
        """SIGTERM to the whole session, as MoM sends it."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def awaits_the_pod(self) -> bool:
        """Whether it is still there after it has been told to end and has said so."""
        awaited(self.told.exists)
        return self.process.poll() is None

    def end(self) -> int:
        """Its exit status, when it has ended."""
        return self.process.wait(30)


@pytest.fixture
def placeholders() -> Iterator[List[Placeholder]]:
    """Placeholders that are killed at the end."""
    made: List[Placeholder] = []
    yield made
    for placeholder in made:
        if placeholder.process.poll() is None:
            os.killpg(placeholder.process.pid, signal.SIGKILL)
        placeholder.process.wait()


def occupied(root: Path, version: int, driver: str = "cgroupfs", quality: str = "burstable", below: str = "") -> PodCgroup:
    """A pod's cgroup with a process in a container's."""
    cgroup = PodCgroup(root, version, POD_UID, driver, quality, below)
    for directory in cgroup.directories.values():
        (directory / "container").mkdir()
        (directory / "container" / "cgroup.procs").write_text("4711\n")
    return cgroup


def vacate(cgroup: PodCgroup) -> None:
    """The containers have ended, and kubelet removes the cgroup."""
    for directory in cgroup.directories.values():
        shutil.rmtree(str(directory))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("driver, quality", sorted(PATHS))
def test_it_ends_when_the_pods_cgroup_is_gone(tmp_path: Path, placeholders: List[Placeholder], version: int, driver: str,
                                             quality: str) -> None:
    placeholder = Placeholder(tmp_path)
    placeholders.append(placeholder)
    cgroup = occupied(placeholder.root, version, driver, quality)
    placeholder.terminate()
    assert placeholder.awaits_the_pod()
    vacate(cgroup)
    assert placeholder.end() == ENDED_BY_SIGTERM


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_of_a_host(tmp_path: Path, placeholders: List[Placeholder], shell: str) -> None:
    placeholder = Placeholder(tmp_path, shell)
    placeholders.append(placeholder)
    cgroup = occupied(placeholder.root, 2)
    placeholder.terminate()
    assert placeholder.awaits_the_pod()
    assert placeholder.told.read_text() == "-j 6.pbsserver -p %d\n" % placeholder.process.pid
    placeholder.terminate()  # qdel a second time
    vacate(cgroup)
    assert placeholder.end() == ENDED_BY_SIGTERM


@pytest.mark.parametrize("driver, below, root", [
    ("cgroupfs", "lab/node1", "/lab/node1"), ("systemd", "lab.slice/lab-node_1.slice", "/lab/node-1")])
def test_a_kubelet_with_a_cgroup_root(tmp_path: Path, placeholders: List[Placeholder], driver: str, below: str, root: str) -> None:
    placeholder = Placeholder(tmp_path, kubelet_root=root)
    placeholders.append(placeholder)
    directory = placeholder.root / below / PATHS[driver, "guaranteed"].format(uid=POD_UID, uid_=POD_UID.replace("-", "_"))
    if driver == "systemd":
        name = "lab-node_1-kubepods-pod%s.slice" % POD_UID.replace("-", "_")
        directory = placeholder.root / below / "lab-node_1-kubepods.slice" / name
    directory.mkdir(parents=True)
    (placeholder.root / "cgroup.controllers").write_text("cpu\n")
    (directory / "cgroup.procs").write_text("4711\n")
    placeholder.terminate()
    assert placeholder.awaits_the_pod()
    shutil.rmtree(str(directory))
    assert placeholder.end() == ENDED_BY_SIGTERM


@pytest.mark.parametrize("uid", ["", POD_UID, "../..", "a/b", "*"])
def test_without_a_pod_it_ends_at_once(tmp_path: Path, placeholders: List[Placeholder], uid: str) -> None:
    placeholder = Placeholder(tmp_path, uid=uid)
    placeholders.append(placeholder)
    (placeholder.root / "kubepods").mkdir()
    placeholder.terminate()
    assert placeholder.end() == ENDED_BY_SIGTERM


def test_an_empty_cgroup_that_nobody_removes_is_not_waited_for(tmp_path: Path, placeholders: List[Placeholder]) -> None:
    placeholder = Placeholder(tmp_path)
    placeholders.append(placeholder)
    cgroup = occupied(placeholder.root, 1)
    placeholder.terminate()
    assert placeholder.awaits_the_pod()
    for directory in cgroup.directories.values():
        (directory / "container" / "cgroup.procs").write_text("")
    assert placeholder.end() == ENDED_BY_SIGTERM


def test_it_outlives_its_sleep(tmp_path: Path, placeholders: List[Placeholder]) -> None:
    placeholder = Placeholder(tmp_path)
    placeholders.append(placeholder)
    path = Path("/proc/%d/task/%d/children" % (placeholder.process.pid, placeholder.process.pid))
    before = path.read_text()
    os.kill(int(before), signal.SIGTERM)
    awaited(lambda: placeholder.waits() and path.read_text() != before)
    assert placeholder.process.poll() is None and not placeholder.told.exists()


def test_it_is_plain_posix_shell() -> None:
    text = (HOOKS / "placeholder").read_text()
    assert text.startswith("#!/bin/sh\n") and os.access(str(HOOKS / "placeholder"), os.X_OK)
    for shell in SHELLS:
        command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
        assert subprocess.run(command + [str(HOOKS / "placeholder")]).returncode == 0
