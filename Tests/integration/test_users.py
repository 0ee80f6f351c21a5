"""The three processes as the service units start them: three users, one group, folders and links of the units.

systemd is not needed for that. Users of every Debian stand for those of deploy/systemd, so
only root, who can become them, can run this.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from deploy.units import read_unit
from integration.connector import PROGRAMS, REPOSITORY, RunningProcess, program_folder
from integration.site import pod_manifest
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

DEPLOY = REPOSITORY / "deploy"
UNITS = {program: read_unit(DEPLOY / "systemd" / f"{program}.service") for program in PROGRAMS}
USERS = dict(zip(PROGRAMS, ("daemon", "bin", "sys")))
GROUP = 60  # games, by base-passwd the same on every Debian; the primary group of none of them


class Host:
    """A machine on which deploy/ is installed, below one folder."""

    def __init__(self, folder: Path, kubernetes: KubernetesSimulator, pbs: PBSSimulator) -> None:
        self.folder, self.run, self.pbs = folder, folder / "run", pbs
        self.run.mkdir()
        # The programs may lie where only we can reach them.
        for program in PROGRAMS:
            shutil.copy(program_folder() / program, folder / program)
        configuration = (DEPLOY / "config.yaml").read_text()
        # Where to find each other and PBS is shown there with the defaults, which are this machine's own.
        configuration, count = re.subn(r"^  #(?=(watcher|broker|pbs-exec): )", "  ", configuration, flags=re.MULTILINE)
        assert count == 3
        for program, user in USERS.items():
            configuration = (configuration.replace(f"allowed-peers: [{program}]", f"allowed-peers: [{user}]")
                             .replace(f"#allowed-servers: [{program}]", f"allowed-servers: [{user}]"))
        for program in ("kube-watcher", "binder"):
            kubeconfig = self.kubeconfig(program)
            kubernetes.write_kubeconfig(kubeconfig)
            os.chown(kubeconfig, self.uid(program), -1)
        configuration = (configuration.replace("/run/pbs-connector", str(self.run)).replace("/opt/pbs", str(pbs.exec_dir))
                         .replace("/etc/pbs-connector", str(folder)))
        (folder / "config.yaml").write_text(configuration)
        self.processes = {program: self._start(program) for program in PROGRAMS}

    @staticmethod
    def uid(program: str) -> int:
        return pwd.getpwnam(USERS[program]).pw_uid

    def kubeconfig(self, program: str) -> Path:
        return self.folder / f"{program}.kubeconfig"

    def as_user(self, program: str) -> list[str]:
        """setpriv(1) with the user, group and privileges that the unit of this program gives it."""
        unit = UNITS[program]
        kept = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in unit["CapabilityBoundingSet"][0].split())
        return ["setpriv", f"--reuid={self.uid(program)}", f"--regid={GROUP}", "--clear-groups", "--inh-caps=-all",
                f"--bounding-set=-all{kept}", *(["--no-new-privs"] if unit["NoNewPrivileges"] == ["yes"] else [])]

    def may(self, program: str, question: str, path: Path) -> bool:
        """Whether the user of this program may read (r) or write (w) a file; test(1)."""
        return subprocess.run([*self.as_user(program), "test", f"-{question}", path]).returncode == 0

    def here(self, text: str) -> list[str]:
        """A command line of a unit, below our folder."""
        return shlex.split(text.replace("%t/pbs-connector", str(self.run)).replace("/etc/pbs-connector", str(self.folder)))

    def _start(self, program: str) -> RunningProcess:
        unit = UNITS[program]
        for name in unit.get("RuntimeDirectory", []):
            directory = self.run / Path(name).name
            directory.mkdir()
            os.chown(directory, self.uid(program), GROUP)
            directory.chmod(int(unit["RuntimeDirectoryMode"][0], 8))
        for command in unit.get("ExecStartPre", []):
            assert command.startswith("+"), "with all rights, as here"
            subprocess.run(self.here(command[1:]), check=True)
        name, *arguments = self.here(unit["ExecStart"][0])
        return self.start_as(program, name, *arguments)

    def start_as(self, user: str, program: str, *arguments: str) -> RunningProcess:
        return RunningProcess(program, [*self.as_user(user), str(self.folder / program), *arguments],
                              {"PATH": "/usr/bin:/bin"})

    def close(self) -> None:
        for process in self.processes.values():
            print(process.log())
            process.stop()


@pytest.fixture
def kubernetes() -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator() as simulator:
        simulator.create_node("node1")
        yield simulator


@pytest.fixture
def host(kubernetes: KubernetesSimulator) -> Iterator[Host]:
    if os.geteuid() != 0:
        pytest.skip("only root can become the three users")
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with PBSSimulator(folder / "pbs", {"node1": {"ncpus": 4, "mem": "8gb"}}) as pbs:
            host = Host(folder, kubernetes, pbs)
            try:
                yield host
            finally:
                host.close()


def test_a_pod_is_bound_by_three_users(host: Host, kubernetes: KubernetesSimulator) -> None:
    kubernetes.create_pod(pod_manifest("redis"))
    kubernetes.wait(lambda k: any(entry.kind == "bound" and entry.node == "node1" for entry in k.record), 20)
    (job,) = host.pbs.jobs.values()
    assert job.owner.partition("@")[0] == USERS["pbs-broker"]


def test_the_user_of_binder_is_turned_away_by_kube_watcher(host: Host) -> None:
    socket = host.run / "kube-watcher.sock"
    intruder = host.start_as("binder", "binder", "--kubeconfig", str(host.kubeconfig("binder")), "--broker", str(socket))
    try:
        host.processes["kube-watcher"].wait_for_log(f"user {host.uid('binder')} (process {intruder.pid}) may not connect")
    finally:
        intruder.stop()


def test_no_user_can_read_the_credential_of_another(host: Host) -> None:
    for owner in ("kube-watcher", "binder"):
        assert [user for user in PROGRAMS if host.may(user, "r", host.kubeconfig(owner))] == [owner]


def test_no_user_can_put_a_socket_where_another_is_expected(host: Host) -> None:
    for owner in ("kube-watcher", "pbs-broker"):
        assert [user for user in PROGRAMS if host.may(user, "w", host.run / owner)] == [owner]
    assert not [user for user in PROGRAMS if host.may(user, "w", host.run)]
