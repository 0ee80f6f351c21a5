"""A pod's job that PBS suspends has its pod frozen; a native one gives its reservation up."""
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from hooks.cgroup_tree import PATHS, PodCgroup
from hooks.execution_host import POD_UID, ExecutionHost, native_job, pods_job
from hooks.kubernetes_node import Before, Node
from hooks.recordings import recorded, recorded_job
from hooks.timing import awaited, elapsed


class Session:
    """The job's own process on this host, which PBS stops with SIGSTOP."""

    def __init__(self) -> None:
        """Start it in a session of its own."""
        self.process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        self.id = str(self.process.pid)

    def signal(self, number: int) -> None:
        """Send it a signal, and wait until a stop or continuation has happened."""
        os.kill(self.process.pid, number)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WCONTINUED)


@pytest.fixture
def session() -> Iterator[Session]:
    """A job's session."""
    made = Session()
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("driver, quality", sorted(PATHS))
def test_suspending_freezes_and_resuming_thaws(host: ExecutionHost, version: int, driver: str, quality: str) -> None:
    cgroup = PodCgroup(host.cgroups, version, POD_UID, driver, quality)
    outcome = host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
    assert cgroup.frozen and "pod default/redis frozen" in outcome.messages()
    outcome = host.run("EXECJOB_PRERESUME", pods_job(substate="43"))
    assert not cgroup.frozen and "pod default/redis thawed" in outcome.messages()


def test_the_recorded_suspension(host: ExecutionHost) -> None:
    cgroup = PodCgroup(host.cgroups, 2, "u1")
    host.configure(users=["alice"])
    host.run("EXECJOB_POSTSUSPEND", recorded_job(recorded("EXECJOB_POSTSUSPEND")))
    assert cgroup.frozen
    host.run("EXECJOB_PRERESUME", recorded_job(recorded("EXECJOB_PRERESUME")))
    assert not cgroup.frozen


def test_ignore_leaves_the_pod_running(host: ExecutionHost) -> None:
    host.configure(suspend="ignore")
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
    assert not cgroup.frozen


def test_the_pod_of_a_job_that_only_claims_it_is_not_frozen(host: ExecutionHost) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43", Job_Owner="mallory@pbsserver"))
    assert not cgroup.frozen


def test_a_pod_that_has_not_started_is_said_so(host: ExecutionHost) -> None:
    outcome = host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
    assert outcome.rejected is None and "pod default/redis has no cgroup to freeze" in outcome.messages()


def test_a_freezer_that_refuses_is_logged(host: ExecutionHost) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    freezer = cgroup.directories[""] / "cgroup.freeze"
    freezer.unlink()
    freezer.symlink_to("/proc/version")  # it reads but cannot be written
    outcome = host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
    assert outcome.rejected is None and "cannot freeze pod default/redis" in outcome.messages()


@pytest.mark.parametrize("version", [1, 2])
def test_the_end_thaws_before_it_deletes(node: Node, version: int) -> None:
    pod = node.pod()
    cgroup = PodCgroup(node.cgroups, version, pod["metadata"]["uid"])
    cgroup.set_frozen(True)
    frozen: List[bool] = []
    node.kubernetes.faults.add(Before(".", lambda: frozen.append(cgroup.frozen)))
    node.run("EXECJOB_END", node.job_of(pod, substate="53"))
    assert node.deletes() == [200]
    assert frozen == [True, False, False, False], "thawed once it was looked at, before anything else"


def test_a_pod_that_starts_after_its_job_was_suspended_is_frozen(host: ExecutionHost, session: Session) -> None:
    session.signal(signal.SIGSTOP)
    cgroup = PodCgroup(host.cgroups, 1, POD_UID)
    host.periodic(pods_job(substate="43", session_id=session.id))
    assert cgroup.frozen


def test_a_pod_whose_resume_was_missed_is_thawed(host: ExecutionHost, session: Session) -> None:
    cgroup = PodCgroup(host.cgroups, 1, POD_UID)
    cgroup.set_frozen(True)
    host.periodic(pods_job(substate="42", session_id=session.id))
    assert not cgroup.frozen


def test_a_job_list_that_is_behind_the_times_decides_nothing(host: ExecutionHost, session: Session) -> None:
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    host.periodic(pods_job(substate="43", session_id=session.id))
    assert not cgroup.frozen, "resumed since"
    session.signal(signal.SIGSTOP)
    cgroup.set_frozen(True)
    host.periodic(pods_job(substate="42", session_id=session.id))
    assert cgroup.frozen, "suspended since"


def test_a_frozen_pod_that_is_being_deleted_may_end(node: Node, session: Session) -> None:
    session.signal(signal.SIGSTOP)
    pod = node.pod()
    cgroup = PodCgroup(node.cgroups, 1, pod["metadata"]["uid"])
    job = node.job_of(pod, substate="43", session_id=session.id)
    node.periodic(job)
    assert cgroup.frozen
    node.kubernetes.delete_pod("default", "redis")
    node.periodic(job)
    assert not cgroup.frozen
    node.periodic(job)
    assert not cgroup.frozen


def test_many_suspended_pods_and_an_api_that_hangs_stay_under_the_alarm(node: Node, session: Session) -> None:
    """api_timeout is for all that one event asks."""
    session.signal(signal.SIGSTOP)
    node.configure(api_timeout=1)
    jobs = [native_job("5.pbsserver")]
    cgroups = []
    for number in range(5):
        pod = node.pod("redis-%d" % number, annotations={"pbs-connector/job-id": "%d.pbsserver" % (10 + number)})
        cgroups.append(PodCgroup(node.cgroups, 2, pod["metadata"]["uid"]))
        jobs.append(node.job_of(pod, "%d.pbsserver" % (10 + number), substate="43", session_id=session.id))
    node.kubernetes.pause()
    seconds, _ = elapsed(lambda: node.periodic(*jobs))
    node.kubernetes.resume()
    assert seconds < 3
    assert list(node.requests()) == ["5.pbsserver"]
    assert not any(cgroup.frozen for cgroup in cgroups), "none is known to be its job's"
    node.configure(api_timeout=5)
    node.periodic(*jobs)
    assert all(cgroup.frozen for cgroup in cgroups)


def test_a_suspended_native_job_gives_its_reservation_up(host: ExecutionHost) -> None:
    """PBS gives its CPUs and memory to others, so Kubernetes must not count them."""
    host.run("EXECJOB_BEGIN", native_job())
    host.run("EXECJOB_POSTSUSPEND", native_job(substate="43"))
    assert host.files() == []
    host.periodic(native_job(substate="43"))
    assert host.files() == []
    host.run("EXECJOB_PRERESUME", native_job(substate="43"))
    assert list(host.requests()) == ["5.pbsserver"]


@pytest.mark.parametrize("root", [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")])
def test_a_real_freezer(host: ExecutionHost, root: Path) -> None:
    """On the kernel's own freezer a process stops counting, and goes on after the resume."""
    unified = (root / "cgroup.controllers").exists()
    if not unified and not (root / "freezer").is_dir():
        pytest.skip("no freezer in %s" % root)
    hierarchy = root if unified else root / "freezer"
    below = "pbs-connector-test-%d" % os.getpid()
    pod = hierarchy / below / "kubepods" / ("pod" + POD_UID)
    try:
        pod.mkdir(parents=True)
    except OSError as error:
        pytest.skip("cannot make a cgroup here: %s" % error)
    counter = subprocess.Popen([sys.executable, "-uc", "import time\nwhile True: print('x'); time.sleep(0.01)"],
                               stdout=subprocess.PIPE)
    try:
        (pod / "cgroup.procs").write_text(str(counter.pid))
        host.configure(cgroup_root=str(root), kubelet_cgroup_root="/" + below)
        host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
        assert counter.stdout is not None
        awaited(lambda: frozen_by_now(pod))
        while readable(counter.stdout.fileno(), 0):
            os.read(counter.stdout.fileno(), 65536)  # what it wrote before
        assert not readable(counter.stdout.fileno(), 0.3), "it stopped counting"
        host.run("EXECJOB_PRERESUME", pods_job(substate="43"))
        assert readable(counter.stdout.fileno(), 10), "it goes on"
    finally:
        host.run("EXECJOB_PRERESUME", pods_job(substate="43"))
        counter.kill()
        counter.wait()
        awaited(lambda: not (pod / "cgroup.procs").read_text().strip())
        for directory in (pod, pod.parent, pod.parent.parent):
            directory.rmdir()


def frozen_by_now(pod: Path) -> bool:
    """Whether the kernel has finished freezing a cgroup."""
    if (pod / "cgroup.events").exists():
        return "frozen 1" in (pod / "cgroup.events").read_text()
    return (pod / "freezer.state").read_text().strip() == "FROZEN"


def readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read within that time."""
    return bool(select.select([descriptor], [], [], seconds)[0])
