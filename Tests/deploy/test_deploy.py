"""What deploy/ holds is taken by those for whom it is: the programs, systemd, the Kubernetes API."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from deploy.manifests import ManifestError, read_documents
from deploy.units import read_system_users, read_unit
from integration.connector import PROGRAMS, REPOSITORY, program_folder
from simulators.kubernetes import KubernetesSimulator

DEPLOY = REPOSITORY / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
CONFIGURATION = DEPLOY / "config.yaml"
UNITS = {program: read_unit(DEPLOY / "systemd" / f"{program}.service") for program in PROGRAMS}

# systemd.exec(5), systemd 252: "NoNewPrivileges=yes is implied" where User= is set.
IMPLY_NO_NEW_PRIVILEGES = {
    "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "SystemCallArchitectures", "SystemCallFilter",
    "SystemCallLog"}

REDIS = {"name": "redis", "image": "redis:latest",
         "resources": {"requests": {"memory": "640Mi", "cpu": 1}, "limits": {"memory": "700Mi", "cpu": 3}}}


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The executables must have been built: a test that runs old ones says nothing."""
    for program in PROGRAMS:
        assert (program_folder() / program).exists(), f"{program} is not built in {program_folder()}: run `swift build`"


def read_example(name: str) -> dict[str, Any]:
    (document,) = read_documents((DEPLOY / "examples" / name).read_text())
    assert isinstance(document, dict)
    return document


# Examples


def test_the_redis_examples_are_the_pod_of_the_readme_with_and_without_a_scheduler() -> None:
    redis = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis"}, "spec": {"containers": [REDIS]}}
    assert read_example("redis.yaml") == redis
    redis["spec"] = {"schedulerName": "pbs", "containers": [REDIS]}
    assert read_example("redis-pbs.yaml") == redis


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_api_accepts_each_example_and_has_the_scheduler_that_it_names(path: Path) -> None:
    document = read_example(path.name)
    if document["kind"] == "Job":
        # The simulator has no Jobs: the pod that the Job's controller would create stands for it.
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "of-a-job"},
                    "spec": document["spec"]["template"]["spec"]}
    with KubernetesSimulator() as kubernetes:
        pod = kubernetes.create_pod(document)
        assert pod["status"]["phase"] == "Pending"
        assert pod["spec"]["schedulerName"] == ("default-scheduler" if path.name == "redis.yaml" else "pbs")


def test_the_deadline_example_has_a_deadline() -> None:
    assert read_example("deadline.yaml")["spec"]["activeDeadlineSeconds"] == 600


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name != "job.yaml"], ids=lambda path: path.name)
def test_kubectl_creates_each_example_pod(path: Path, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl in PATH (Debian: kubernetes-client)")
    kubeconfig = tmp_path / "kubeconfig"
    with KubernetesSimulator() as kubernetes:
        kubernetes.write_kubeconfig(kubeconfig)
        subprocess.run([kubectl, "--kubeconfig", kubeconfig, "--cache-dir", tmp_path / "cache", "create", "-f", path],
                       check=True, timeout=60)
        (pod,) = kubernetes.pods()
        document = read_example(path.name)
        assert pod["metadata"]["name"] == document["metadata"]["name"]
        assert pod["spec"]["containers"][0]["image"] == document["spec"]["containers"][0]["image"]


@pytest.mark.parametrize("text", ["a: &b 1", "a: 'b'", "a: yes", "a: |", "a: 1\na: 2", "a: 1 # one", "a:\n   b: 1\n  c: 2",
                                  "a: [b, [c]]", 'a: "b\\n"', "- a:\n  b", "a: b: c"])
def test_what_the_reader_of_manifests_does_not_know_is_an_error(text: str) -> None:
    with pytest.raises(ManifestError):
        read_documents(text)


# Configuration


@pytest.fixture
def refusing_api(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig whose token the API refuses: where a process ends because of that, all its settings were taken."""
    kubeconfig = tmp_path / "kubeconfig"
    with KubernetesSimulator(tokens={"known": "somebody"}) as kubernetes:
        kubernetes.write_kubeconfig(kubeconfig, token="unknown")
        yield kubeconfig


def on_this_machine(text: str, kubeconfig: Path, folder: Path) -> str:
    """The configuration with paths and users of this test in place of those of the service units."""
    text, count = re.subn(r"^(  allowed-peers:) \[[\w-]+\]$", rf"\1 [{getpass.getuser()}]", text, flags=re.MULTILINE)
    assert count == 2
    text, count = re.subn(r"/etc/pbs-connector/[\w-]+\.kubeconfig", str(kubeconfig), text)
    assert count == 2
    return text.replace("/run/pbs-connector", str(folder)).replace("/opt/pbs", str(folder / "no-pbs"))


def last_words(program: str, text: str, folder: Path, *options: str) -> str:
    """What a process with this configuration says that must end by itself: its credential is refused, or there is no PBS."""
    configuration = folder / "config.yaml"
    configuration.write_text(text)
    result = subprocess.run([program_folder() / program, "--config", configuration, *options], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=30)
    assert result.returncode == 1, result.stderr
    return result.stderr.strip().splitlines()[-1]


def options(program: str, folder: Path) -> list[str]:
    """What keeps a process with the example's defaults away from this machine's own sockets and PBS."""
    return {"kube-watcher": ["--socket", f"{folder}/s.sock"], "binder": [],
            "pbs-broker": ["--socket", f"{folder}/s.sock", "--pbs-exec", f"{folder}/no-pbs"]}[program]


# Both are found out after all settings were read.
END = {"kube-watcher": "refuses the credential", "pbs-broker": "no PBS commands", "binder": "refuses the credential"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_process_accepts_the_configuration_as_it_is(program: str, refusing_api: Path, socket_folder: Path) -> None:
    text = on_this_machine(CONFIGURATION.read_text(), refusing_api, socket_folder)
    assert END[program] in last_words(program, text, socket_folder, *options(program, socket_folder))


def with_all_keys(text: str) -> str:
    """The configuration with the keys that its comments show."""
    text, count = re.subn(r"^  #(?=[a-z-]+: )", "  ", text, flags=re.MULTILINE)
    assert count > 20
    # The watcher is to meet the API at once, without a Lease.
    assert "\n  leader-elect: false\n" in text
    return text


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_process_accepts_every_key_that_the_comments_show(
        program: str, refusing_api: Path, socket_folder: Path) -> None:
    text = with_all_keys(on_this_machine(CONFIGURATION.read_text(), refusing_api, socket_folder))
    assert END[program] in last_words(program, text, socket_folder)


@pytest.mark.parametrize("program", ["kube-watcher", "pbs-broker"])
def test_a_flag_of_the_unit_overrides_its_key(program: str, refusing_api: Path, socket_folder: Path) -> None:
    text = with_all_keys(on_this_machine(CONFIGURATION.read_text(), refusing_api, socket_folder))
    assert END[program] in last_words(program, text, socket_folder, *options(program, socket_folder))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_misspelt_key_would_have_been_found(program: str, refusing_api: Path, socket_folder: Path) -> None:
    text = on_this_machine(CONFIGURATION.read_text(), refusing_api, socket_folder)
    text = text.replace(f"\n{program}:\n", f"\n{program}:\n  instanze: one\n")
    words = last_words(program, text, socket_folder, *options(program, socket_folder))
    assert words.endswith(f"{program}.instanze is not a known key")


@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_a_kubeconfig_that_does_not_exist_is_named(program: str, socket_folder: Path) -> None:
    missing = socket_folder / "no-kubeconfig"
    text = on_this_machine(CONFIGURATION.read_text(), missing, socket_folder)
    assert str(missing) in last_words(program, text, socket_folder, *options(program, socket_folder))


def test_the_sockets_admit_the_users_of_the_units_that_connect_to_them() -> None:
    (settings,) = read_documents(CONFIGURATION.read_text())
    assert settings["kube-watcher"]["allowed-peers"] == UNITS["pbs-broker"]["User"]
    assert settings["pbs-broker"]["allowed-peers"] == UNITS["binder"]["User"]


# Service units


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


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    copies = []
    for program in PROGRAMS:
        copy = tmp_path / f"{program}.service"
        text = (DEPLOY / "systemd" / copy.name).read_text()
        copy.write_text(text.replace(f"ExecStart={program}", f"ExecStart={program_folder() / program}"))
        copies.append(copy)
    result = subprocess.run([analyze, "verify", *copies], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("program, most", [("kube-watcher", 20), ("binder", 20), ("pbs-broker", 60)])
def test_systemd_calls_the_units_exposure_low(program: str, most: int, tmp_path: Path) -> None:
    """`most` is systemd-analyze's exposure level times ten; without any hardening it is 96."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    result = subprocess.run([analyze, "security", "--offline=yes", "--no-pager", f"--threshold={most}",
                             DEPLOY / "systemd" / f"{program}.service"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, (result.stdout + result.stderr)[-300:]


def test_systemd_creates_the_users(tmp_path: Path) -> None:
    sysusers = shutil.which("systemd-sysusers")
    if sysusers is None:
        pytest.skip("no systemd-sysusers in PATH (Debian: systemd)")
    (tmp_path / "etc").mkdir()
    subprocess.run([sysusers, f"--root={tmp_path}", DEPLOY / "systemd" / "pbs-connector.sysusers"], check=True, timeout=60)
    names = [line.split(":")[0] for line in (tmp_path / "etc" / "passwd").read_text().splitlines()]
    assert sorted(names) == sorted(PROGRAMS)
