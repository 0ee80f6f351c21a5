"""What deploy/ holds is taken by those for whom it is: the programs and the Kubernetes API."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from deploy.manifests import ManifestError, read_documents
from deploy.units import read_unit
from integration.connector import PROGRAMS, REPOSITORY, program_folder
from simulators.kubernetes import KubernetesSimulator

DEPLOY = REPOSITORY / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
CONFIGURATION = DEPLOY / "config.yaml"
UNITS = {program: read_unit(DEPLOY / "systemd" / f"{program}.service") for program in PROGRAMS}

REDIS = {"name": "redis", "image": "redis:latest",
         "resources": {"requests": {"memory": "640Mi", "cpu": 1}, "limits": {"memory": "700Mi", "cpu": 3}}}


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
    text, count = re.subn(r"^(  #allowed-servers:) \[[\w-]+\]$", rf"\1 [{getpass.getuser()}]", text, flags=re.MULTILINE)
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
    assert f"{program}.instanze is not a known key (line " in words


@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_a_kubeconfig_that_does_not_exist_is_named(program: str, socket_folder: Path) -> None:
    missing = socket_folder / "no-kubeconfig"
    text = on_this_machine(CONFIGURATION.read_text(), missing, socket_folder)
    assert str(missing) in last_words(program, text, socket_folder, *options(program, socket_folder))


def test_the_sockets_admit_the_users_of_the_units_that_connect_to_them() -> None:
    (settings,) = read_documents(CONFIGURATION.read_text())
    assert settings["kube-watcher"]["allowed-peers"] == UNITS["pbs-broker"]["User"]
    assert settings["pbs-broker"]["allowed-peers"] == UNITS["binder"]["User"]


def test_the_servers_that_the_comments_show_are_the_users_of_the_units() -> None:
    (settings,) = read_documents(with_all_keys(CONFIGURATION.read_text()))
    assert settings["pbs-broker"]["allowed-servers"] == UNITS["kube-watcher"]["User"]
    assert settings["binder"]["allowed-servers"] == UNITS["pbs-broker"]["User"]
