"""The examples for runit, s6 and supervisord, each run as it stands: what is killed comes back, and work goes on."""

from __future__ import annotations

import os
import pwd
import grp
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Iterator

import pytest

from deploy.test_deploy import DEPLOY
from integration.connector import PROGRAMS, program_folder
from integration.site import pod_manifest
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

EXAMPLES = DEPLOY / "supervisors"
# Each supervisor: the program that must be there, its Debian package, and how it is started and ended.
SUPERVISORS = {"runit": ("runsvdir", "runit", signal.SIGHUP), "s6": ("s6-svscan", "s6", signal.SIGTERM),
               "supervisord": ("supervisord", "supervisor", signal.SIGTERM)}
PATIENCE = 60.0

pytestmark = pytest.mark.simulated_pbs("the supervisors are what is tried")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for the sockets in it."""
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as folder:
        yield Path(folder)


def in_folder(text: str, folder: Path) -> str:
    """An example with this test's paths, programs and user in place of those of an installation."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    text = text.replace("/usr/share/pbs-connector/deploy/supervisors", str(folder))
    text = text.replace("/run/pbs-connector", str(folder / "run")).replace("/etc/pbs-connector", str(folder))
    for program in PROGRAMS:
        text = text.replace(f"chpst -u {program}:pbs-connector {program} ", f"chpst -u {user}:{group} {program_folder() / program} ")
        text = text.replace(f"s6-setuidgid {program} {program} ", f"s6-setuidgid {user} {program_folder() / program} ")
        text = text.replace(f"command={program} ", f"command={program_folder() / program} ").replace(f"user={program}\n", f"user={user}\n")
    return text.replace("-o $process -g pbs-connector", f"-o {user} -g {group}")


def services(supervisor: str, folder: Path) -> list[str]:
    """Lay the example out as its first lines say, and give the command that runs it."""
    copy = folder / "folders"
    copy.write_text(in_folder((EXAMPLES / "folders").read_text(), folder))
    copy.chmod(0o755)
    if supervisor == "supervisord":
        file = folder / "supervisord.conf"
        own = f"[supervisord]\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\nchildlogdir={folder}\nuser={os.getuid()}\n\n"
        file.write_text(own + in_folder((EXAMPLES / "supervisord.conf").read_text(), folder))
        return ["supervisord", "--nodaemon", "--configuration", str(file)]
    scanned = folder / "services"
    for program in PROGRAMS:
        (scanned / program).mkdir(parents=True)
        run = scanned / program / "run"
        run.write_text(in_folder((EXAMPLES / supervisor / program / "run").read_text(), folder))
        run.chmod(0o755)
    return [*({"runit": ["runsvdir"], "s6": ["s6-svscan"]}[supervisor]), str(scanned)]


def running(program: str, folder: Path) -> list[int]:
    """The processes of a program with this test's configuration."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0] == str(program_folder() / program) and f"{folder}/config.yaml" in words:
            found.append(int(process.name))
    return found


def another(program: str, folder: Path, former: int | None) -> int:
    """Wait for a process of the program that is not the former one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [pid for pid in running(program, folder) if pid != former]
        if found:
            return found[0]
        assert time.monotonic() < deadline, f"no {program} within {PATIENCE:.0f} s"
        time.sleep(0.05)


def test_the_examples_say_what_the_units_say() -> None:
    """The same arguments, users and groups."""
    for program in PROGRAMS:
        unit = (DEPLOY / "systemd" / f"{program}.service").read_text()
        (start,) = [line.partition("=")[2].replace("%t", "/run").split() for line in unit.splitlines() if line.startswith("ExecStart=")]
        for supervisor in ("runit", "s6"):
            script = (EXAMPLES / supervisor / program / "run").read_text().replace("\\\n", " ")
            last = script.strip().splitlines()[-1].split()
            assert last[last.index("--config") - 1:] == start, f"{supervisor}: {program}"
            assert "umask 077" in script
        section = (EXAMPLES / "supervisord.conf").read_text().split(f"[program:{program}]\n")[1].split("\n\n")[0]
        settings = dict(line.split("=", 1) for line in section.strip().splitlines())
        assert (settings["command"].split(), settings["user"], settings["umask"]) == (start, program, "077")


@pytest.mark.parametrize("supervisor", SUPERVISORS)
def test_each_process_that_is_killed_comes_back_and_work_goes_on(supervisor: str, folder: Path) -> None:
    command, package, end = SUPERVISORS[supervisor]
    if shutil.which(command) is None:
        pytest.skip(f"no {command} in PATH (Debian: {package})")
    if os.getuid() != 0:
        pytest.skip("a supervisor that changes users is root's")
    with KubernetesSimulator() as kubernetes, PBSSimulator(folder / "pbs", {"node1": {"ncpus": 16, "mem": "16gb"}}) as pbs:
        kubernetes.create_node("node1")
        kubernetes.write_kubeconfig(folder / "kubeconfig")
        (folder / "config.yaml").write_text(
            f"kube-watcher:\n  kubeconfig: {folder}/kubeconfig\n"
            f"pbs-broker:\n  watcher: {folder}/run/kube-watcher.sock\n  pbs-exec: {pbs.exec_dir}\n"
            f"  look-interval: 0.1\n  connections-per-minute: 100000\n"
            f"binder:\n  kubeconfig: {folder}/kubeconfig\n  broker: {folder}/run/pbs-broker.sock\n")
        environment = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "PBS_EXEC")}
        with open(folder / "log", "wb") as log:
            supervising = subprocess.Popen(services(supervisor, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=environment, start_new_session=True)
        try:
            for number, killed in enumerate((None, *PROGRAMS)):
                if killed is not None:
                    former = another(killed, folder, None)
                    os.kill(former, signal.SIGKILL)
                    another(killed, folder, former)
                name = f"pod-{number}"
                kubernetes.create_pod(pod_manifest(name))
                kubernetes.wait(lambda api: (api.pod("default", name) or {}).get("spec", {}).get("nodeName") == "node1", PATIENCE)
            assert len([job for job in pbs.jobs.values() if job.live]) == 4, "no pod has a second job"
        except BaseException:
            print((folder / "log").read_text(errors="replace")[-5000:])
            raise
        finally:
            supervising.send_signal(end)
            try:
                supervising.wait(PATIENCE)
            finally:
                left = [pid for program in PROGRAMS for pid in running(program, folder)]
                _await_ends(left)


def _await_ends(pids: list[int]) -> None:
    """Wait for the processes that the supervisor has told to end; it does not wait for all of them itself."""
    deadline = time.monotonic() + PATIENCE
    for pid in pids:
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"process {pid} did not end with its supervisor"
            time.sleep(0.05)
