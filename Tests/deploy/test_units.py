"""The service units are taken by systemd, and give each process what it needs and no more."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.manifests import read_documents
from deploy.units import read_system_users, read_unit
from integration.connector import PROGRAMS, REPOSITORY, program_folder

DEPLOY = REPOSITORY / "deploy"
CONFIGURATION = DEPLOY / "config.yaml"
UNITS = {program: read_unit(DEPLOY / "systemd" / f"{program}.service") for program in PROGRAMS}

# systemd.exec(5), systemd 252: "NoNewPrivileges=yes is implied" where User= is set.
IMPLY_NO_NEW_PRIVILEGES = {
    "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter",
    "SystemCallLog"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_unit_starts_its_program_with_flags_that_exist(program: str) -> None:
    (command,) = UNITS[program]["ExecStart"]
    name, *arguments = shlex.split(command)
    assert name == program
    flags = [argument for argument in arguments if argument.startswith("-")]
    assert "--config" in flags
    help_text = subprocess.run([program_folder() / program, "--help"], check=True, capture_output=True, text=True,
                               timeout=30).stdout
    known = set(re.findall(r"^\s+(--[a-z-]+)", help_text, re.MULTILINE))
    assert known and set(flags) <= known


def test_each_process_has_a_user_of_its_own_in_one_group() -> None:
    groups, users = read_system_users(DEPLOY / "systemd" / "pbs-connector.sysusers")
    assert groups == {"pbs-connector"}
    assert users == {program: "pbs-connector" for program in PROGRAMS}
    for program, unit in UNITS.items():
        assert unit["User"] == [program] and unit["Group"] == ["pbs-connector"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_is_started_again_for_ever(program: str) -> None:
    assert UNITS[program]["Restart"] == ["always"]
    assert UNITS[program]["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_systemd_hears_that_a_process_is_ready_and_alive(program: str) -> None:
    unit = UNITS[program]
    assert unit["Type"] == ["notify"]
    # What it waits for may be away for long, which is no reason to start it again.
    assert unit["TimeoutStartSec"] == ["infinity"]
    assert unit["WatchdogSec"] == ["60s"]
    ending = (REPOSITORY / "Sources/Shared/Startup/Ending.swift").read_text()
    patience = re.search(r"patience = ([\d.]+)", ending)
    assert patience and float(patience[1]) < float(unit["TimeoutStopSec"][0].removesuffix("s"))


@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_who_talks_to_kubernetes_gains_no_privileges_and_has_no_pbs(program: str) -> None:
    unit = UNITS[program]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert "-/opt/pbs" in unit["InaccessiblePaths"][0].split()


def test_the_broker_can_run_qsub_and_has_no_kubeconfig() -> None:
    """pbs_iff is setuid root for CAP_NET_BIND_SERVICE. On OpenPBS 23.06.06, qstat -B of an ordinary user was seen to
    fail under no_new_privs and under an empty bounding set, and to work with this one capability in it."""
    unit = UNITS["pbs-broker"]
    assert unit["NoNewPrivileges"] == ["no"]
    assert not IMPLY_NO_NEW_PRIVILEGES & set(unit)
    assert IMPLY_NO_NEW_PRIVILEGES & set(UNITS["binder"]), "names as units spell them"
    assert unit["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    (settings,) = read_documents(CONFIGURATION.read_text())
    hidden = {path for value in unit["InaccessiblePaths"] for path in value.split()}
    assert {f"-{settings[program]['kubeconfig']}" for program in ("kube-watcher", "binder")} <= hidden


def test_the_broker_can_run_nothing_but_pbs_commands() -> None:
    """On OpenPBS 23.06.06, qsub, qstat, qselect, qalter and qdel were seen to work in a mount namespace of these settings
    (root read-only and noexec but for these paths, /proc with subset=pid), and su, mount and passwd not to start."""
    unit = UNITS["pbs-broker"]
    assert unit["NoExecPaths"] == ["/"]
    assert [path for value in unit["ExecPaths"] for path in value.split()] == [
        "-/usr/bin/pbs-broker", "-/usr/local/bin/pbs-broker", "-/opt/pbs",
        "-/lib", "-/lib64", "-/usr/lib", "-/usr/lib64", "-/usr/local/lib"]


def test_the_drop_in_for_users_gives_the_broker_what_it_needs_and_no_more() -> None:
    """CAP_SETUID, CAP_SETGID and CAP_KILL are what pbs-broker looks for (SubmittingUsers.missingRight)."""
    drop_in = read_unit(DEPLOY / "systemd" / "examples" / "pbs-users.conf")
    rights = ["CAP_SETUID CAP_SETGID CAP_KILL"]
    assert drop_in == {"AmbientCapabilities": rights, "CapabilityBoundingSet": rights}


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_process_has_limits_and_leaves_no_core(program: str) -> None:
    unit = UNITS[program]
    assert re.fullmatch(r"[1-9]\d*G", unit["MemoryMax"][0])
    assert int(unit["TasksMax"][0]) > 0 and int(unit["LimitNOFILE"][0]) > 1024
    assert unit["LimitCORE"] == ["0"]


@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_a_system_call_that_the_runtime_can_do_without_is_refused_and_not_fatal(program: str) -> None:
    """Swift's runtime calls setpriority for its threads: with the default action of the filter it would be killed."""
    assert UNITS[program]["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert UNITS[program]["SystemCallErrorNumber"] == ["EPERM"]


def test_each_socket_is_in_a_folder_of_its_process_and_known_by_the_default_path() -> None:
    """A folder that all three may write to would let one pose as another before that one has started."""
    for program, sockets in {"kube-watcher": [""], "pbs-broker": ["", "-hints"]}.items():
        unit = UNITS[program]
        (folder,) = unit["RuntimeDirectory"]
        assert folder == f"pbs-connector/{program}"
        arguments = shlex.split(unit["ExecStart"][0])
        assert arguments[arguments.index("--socket") + 1] == f"%t/{folder}/{program}.sock"
        assert unit["ExecStartPre"] == [
            f"+ln -sfnT {program}/{program}{kind}.sock %t/pbs-connector/{program}{kind}.sock" for kind in sockets]
    assert "RuntimeDirectory" not in UNITS["binder"]


def copied_unit(program: str, folder: Path, drop_in: bool, users: bool = False) -> Path:
    """The unit with the path of the program of this tree. A drop-in is read as if it stood at the unit's end."""
    copy = folder / f"{program}.service"
    text = (DEPLOY / "systemd" / copy.name).read_text()
    text = text.replace(f"ExecStart={program}", f"ExecStart={program_folder() / program}")
    examples = DEPLOY / "systemd" / "examples"
    added = (examples / "addresses.conf").read_text() if drop_in else ""
    copy.write_text(text + added + ((examples / "pbs-users.conf").read_text() if users else ""))
    return copy


@pytest.mark.parametrize("drop_in", [False, True], ids=["plain", "addresses"])
def test_systemd_finds_no_fault_in_the_units(drop_in: bool, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    result = subprocess.run([analyze, "verify", *(copied_unit(program, tmp_path, drop_in, users=drop_in and program == "pbs-broker") for program in PROGRAMS)],
                            capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("drop_in", [False, True], ids=["plain", "addresses"])
@pytest.mark.parametrize("program, most", [("kube-watcher", 12), ("binder", 12), ("pbs-broker", 55)])
def test_systemd_calls_the_units_exposure_low(drop_in: bool, program: str, most: int, tmp_path: Path) -> None:
    """`most` is systemd-analyze's exposure level times ten, in version 252; without any hardening it is 96."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    result = subprocess.run([analyze, "security", "--offline=yes", "--no-pager", f"--threshold={most}",
                             copied_unit(program, tmp_path, drop_in)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, (result.stdout + result.stderr)[-300:]


@pytest.mark.parametrize("program, most", [("pbs-broker", 20)])
def test_where_pbs_authenticates_by_munge_the_brokers_exposure_is_low_too(program: str, most: int, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    unit = copied_unit(program, tmp_path, drop_in=False)
    text = unit.read_text().replace("CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n", "")
    unit.write_text(text + (DEPLOY / "systemd" / "examples" / "munge.conf").read_text())
    for arguments in (["verify"], ["security", "--offline=yes", "--no-pager", f"--threshold={most}"]):
        result = subprocess.run([analyze, *arguments, unit], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, (result.stdout + result.stderr)[-300:]


def test_who_can_use_low_ports_is_pbs_iff_alone() -> None:
    """To a PBS server, whoever talks from a port below 1024 is whatever user he says."""
    assert not any("AmbientCapabilities" in unit for unit in UNITS.values())


def test_systemd_creates_the_users(tmp_path: Path) -> None:
    sysusers = shutil.which("systemd-sysusers")
    if sysusers is None:
        pytest.skip("no systemd-sysusers in PATH (Debian: systemd)")
    (tmp_path / "etc").mkdir()
    subprocess.run([sysusers, f"--root={tmp_path}", DEPLOY / "systemd" / "pbs-connector.sysusers"], check=True, timeout=60)
    names = [line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()]
    assert sorted(names) == sorted(PROGRAMS)
