"""The units under a real systemd: notify, watchdog, restart, reload, the journal's fields, and the commands of the documentation."""

from __future__ import annotations

import grp
import json
import pwd
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from deploy import booted_host
from deploy.booted_host import BootedHost
from docs.command_ways import commands
from integration.connector import PROGRAMS
from integration.site import pod_manifest
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("systemd is what is tried")

HOST = {"ncpus": 8, "mem": "16777216kb"}
UNITS = " ".join(PROGRAMS)
# The journal's format, and PBS's commands as fast as they come.
SETTINGS = ("sed -i -e 's/^log-level: info/log-level: info\\nlog-format: journald/' "
            "-e 's/^pbs-broker:/pbs-broker:\\n  connections-per-minute: 100000/' /etc/pbs-connector/config.yaml")


class Services:
    """The host with the three services, and what they talk to."""

    def __init__(self, kubernetes: KubernetesSimulator, pbs: PBSSimulator, host: BootedHost) -> None:
        self.kubernetes, self.pbs, self.host = kubernetes, pbs, host

    def bind(self, name: str) -> str:
        """Make a pod and wait until it is bound; its job."""
        self.kubernetes.create_pod(pod_manifest(name))

        def job(_: object) -> str | None:
            pod = self.kubernetes.pod("default", name)
            return pod["metadata"].get("annotations", {}).get("pbs-connector/job-id") if pod and pod["spec"].get("nodeName") else None

        self.kubernetes.wait(job, booted_host.PATIENCE)
        return str(job(None))

    def main(self, unit: str) -> str:
        return self.host.unit(unit, "MainPID")

    def journal(self, unit: str) -> str:
        return self.host.run(f"journalctl -o cat -u {unit}")


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    reason = booted_host.missing()
    if reason:
        pytest.skip(f"nothing can be booted here: {reason}")
    patch = pytest.MonkeyPatch()
    with tempfile.TemporaryDirectory(prefix="pbs-connector.") as name, KubernetesSimulator(kubelet=Kubelet()) as kubernetes:
        folder = Path(name)
        folder.chmod(0o755)
        for node in ("node1", "node2"):
            kubernetes.create_node(node)
        for account in ("kube-watcher", "binder"):
            kubernetes.write_kubeconfig(folder / f"{account}.kubeconfig")
        with PBSSimulator(folder / "pbs", {"node1": HOST, "node2": HOST}) as pbs:
            library_paths = " ".join(f"-{path}" for path in booted_host.libraries())
            drop_ins = "".join(f"mkdir -p /etc/systemd/system/{unit}.service.d\n" for unit in PROGRAMS)
            if library_paths:
                drop_ins += f"printf '[Service]\\nExecPaths={library_paths}\\n' > /etc/systemd/system/pbs-broker.service.d/libraries.conf\n"
            # A minute is long for a test.
            drop_ins += "printf '[Service]\\nWatchdogSec=5s\\n' > /etc/systemd/system/binder.service.d/watchdog.conf\n"
            accounts = "".join(f"install -m 400 -o {user} -g pbs-connector {folder}/{user}.kubeconfig /etc/pbs-connector/\n"
                               for user in ("kube-watcher", "binder"))
            try:
                host = BootedHost(folder, pbs.exec_dir, f"{drop_ins}{accounts}{SETTINGS}")
            except booted_host.BootFailed as error:
                pytest.skip(f"nothing can be booted here: {error}")
            try:
                # The simulated PBS asks this machine who submits: its number is that host's pbs-broker.
                number = int(host.run("id -u pbs-broker"))
                real = pwd.getpwuid
                patch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd(("pbs-broker", "x", uid, grp.getgrgid(0).gr_gid, "", "/", ""))
                              if uid == number else real(uid))
                yield Services(kubernetes, pbs, host)
            finally:
                print(host.run(f"journalctl -u {' -u '.join(PROGRAMS)} | tail -100", check=False))
                patch.undo()
                host.close()


def test_a_start_ends_when_the_process_is_ready(services: Services) -> None:
    """Each by itself: before that it is being started, and says what it waits for."""
    host = services.host
    host.run("systemctl start --no-block pbs-broker")
    host.wait("systemctl show --value --property StatusText pbs-broker", "kube-watcher")
    assert host.unit("pbs-broker", "ActiveState") == "activating"
    host.run(f"systemctl start {UNITS}")
    assert [host.unit(unit, "ActiveState") for unit in PROGRAMS] == ["active"] * 3
    services.bind("first")
    assert [host.unit(unit, "NRestarts") for unit in PROGRAMS] == ["0"] * 3


def test_the_journal_has_the_fields(services: Services) -> None:
    """And the documented command finds a job's lines by them."""
    host = services.host
    host.run(f"systemctl start {UNITS}")
    job = services.bind("logged")
    (documented,) = [command.text for command in commands("units") if "PBS_CONNECTOR_JOB" in command.text]
    printed = host.wait(documented.replace("5.pbsserver", job) + " -o json", "successfully assigned")
    lines = [json.loads(line) for line in printed.splitlines()]
    assigned = next(line for line in lines if "successfully assigned" in line["MESSAGE"])
    assert assigned["SYSLOG_IDENTIFIER"] == "binder" and assigned["_SYSTEMD_UNIT"] == "binder.service" and assigned["PRIORITY"] == "6"
    assert (assigned["PBS_CONNECTOR_POD"], assigned["PBS_CONNECTOR_NAMESPACE"]) == ("logged", "default")
    associated = next(line for line in lines if "associating job" in line["MESSAGE"])
    assert associated["SYSLOG_IDENTIFIER"] == "pbs-broker" and associated["PBS_CONNECTOR_JOB"] == job
    (documented,) = [command.text for command in commands("units") if command.text.startswith("journalctl -u kube")]
    assert "binder[" in host.run(documented)


def test_a_reload_reads_the_configuration_again(services: Services) -> None:
    host = services.host
    host.run(f"systemctl start {UNITS}")
    before = services.main("pbs-broker")
    host.run("sed -i 's/^log-level: info/log-level: debug/' /etc/pbs-connector/config.yaml")
    (documented,) = [command.text for command in commands("units") if " reload " in command.text]
    host.run(documented)
    host.wait("journalctl -o cat -u pbs-broker", "read the configuration again: log-level is debug")
    host.run(f"systemctl reload {UNITS}; sed -i 's/^log-level: debug/log-level: info/' /etc/pbs-connector/config.yaml")
    assert services.main("pbs-broker") == before


def test_a_signal_by_systemctl_reaches_the_process_alone(services: Services) -> None:
    """The documented way to confirm orphans: nothing is doubted now, and nothing ends."""
    host = services.host
    host.run(f"systemctl start {UNITS}")
    before = services.main("pbs-broker")
    (documented,) = [command.text for command in commands("units") if " kill " in command.text]
    host.run(documented)
    services.bind("after-the-signal")
    assert services.main("pbs-broker") == before


@pytest.mark.parametrize("unit", PROGRAMS)
def test_a_process_that_is_killed_starts_again_and_work_goes_on(unit: str, services: Services) -> None:
    host = services.host
    host.run(f"systemctl start {UNITS}")
    killed, restarts = services.main(unit), int(host.unit(unit, "NRestarts"))
    host.run(f"kill -9 {killed}")
    host.wait(f"systemctl show --property NRestarts,SubState,MainPID {unit}", rf"(?s)MainPID=(?!{killed}$|0$).*NRestarts={restarts + 1}.*SubState=running")
    services.bind(f"after-{unit}")


def test_a_process_that_hangs_is_ended_and_starts_again(services: Services) -> None:
    """Stopped, it feeds the watchdog no more."""
    host = services.host
    host.run(f"systemctl start {UNITS}")
    stopped = services.main("binder")
    host.run(f"kill -STOP {stopped}")
    host.wait("journalctl -u binder", "Watchdog timeout")
    assert "Backtracing" not in services.journal("binder")
    host.wait("systemctl show --property SubState,MainPID binder", rf"(?s)MainPID=(?!{stopped}$|0$).*SubState=running")
    services.bind("after-a-hang")


def test_a_stop_ends_each_process_in_time(services: Services) -> None:
    """With status 0, before systemd would have to kill it."""
    host = services.host
    host.run(f"systemctl start {UNITS}")
    host.run(f"systemctl stop {UNITS}")
    for unit in PROGRAMS:
        told = {field: host.unit(unit, field) for field in ("ActiveState", "Result", "ExecMainStatus")}
        assert told == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, unit
    # A last line may come when the journal can no longer see whose process it was.
    for unit in PROGRAMS:
        host.wait(f"journalctl -o cat SYSLOG_IDENTIFIER={unit}", "ends, peak memory")


def test_the_setup_enables_and_starts_them(services: Services) -> None:
    """Without waiting for them; a second time it finds nothing to do."""
    host = services.host
    host.run(f"systemctl stop {UNITS}")
    host.run("pbs-connector-setup services")
    for unit in PROGRAMS:
        host.wait(f"systemctl is-active {unit}", "^active$")
    assert host.run("pbs-connector-setup services").count("is enabled and active") == len(PROGRAMS)
