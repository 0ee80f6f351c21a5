"""Each process has the rights that it uses and no others.

The whole life of pods runs with exactly the rights of deploy/rbac.yaml, on the simulator
and on a real API server, and the servers' own records say which of them were used: a verb
too many is one that no request needed, a verb too few is a request that none allows.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from deploy.manifests import read_documents
from hooks.timing import awaited
from integration.audited_kubernetes import AuditedKubernetes
from integration.connector import PROGRAMS, REPOSITORY, Connector, program_folder
from integration.provisioner import CLASSES, SELECTED, request as administer
from integration.rights import (Right, Use, granted, grants, never_used, not_granted, recorded_by_audit,
                                recorded_by_simulator, service_account, too_wide)
from integration.site import pod_manifest
from real.kubernetes import RealKubernetes
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator
from simulators_tests.kubernetes_client import request

RBAC = REPOSITORY / "deploy" / "rbac.yaml"
NAMESPACE = "pbs-connector"
ACCOUNTS = {program: service_account(NAMESPACE, program) for program in ("kube-watcher", "binder")}
# Where the pods live: two, so that a right in all namespaces is seen to be needed.
POD_NAMESPACES = ("default", "kube-public")
NODES = ("node1", "node2")
HOSTS: dict[str, dict[str, int | str]] = {node: {"ncpus": 4, "mem": "8gb"} for node in NODES}
LEASE = "pbs-connector-kube-watcher"
CONFIGURATION = f"""
kube-watcher:
  lease-namespace: {NAMESPACE}
pbs-broker:
  look-interval: 0.1
  connections-per-minute: 100000
binder:
  event-interval: 0
"""


def documents() -> list[Any]:
    return read_documents(RBAC.read_text())


@dataclass
class Life:
    """What a whole life of pods has left behind."""

    uses: set[Use]
    broker_connections: set[str]
    pbs_commands_tried: str


def kubeconfigs(kubernetes: Any, folder: Path, tokens: dict[str, str]) -> dict[str, Path]:
    """A kubeconfig for each of the two that have an account."""
    result = {program: folder / f"{program}.kubeconfig" for program in ACCOUNTS}
    for program, path in result.items():
        kubernetes.write_kubeconfig(path, token=tokens[program])
    return result


@contextmanager
def simulator(manifests: list[Any]) -> Iterator[tuple[KubernetesSimulator, dict[str, str]]]:
    """A simulator in which the ServiceAccounts have the rights of these manifests, and their tokens."""
    tokens = {program: f"token-of-{program}" for program in ACCOUNTS}
    with KubernetesSimulator(rbac=True, tokens={"token-of-admin": ("admin", ["system:masters"]),
                                                **{tokens[program]: user for program, user in ACCOUNTS.items()}}) as kubernetes:
        for user, rule, namespace in grants(manifests):
            kubernetes.authorise(user, [rule], namespace)
        for node in NODES:
            kubernetes.create_node(node)
        for manifest in manifests:
            if manifest["kind"] == "Namespace":
                answer = request(kubernetes, "POST", "/api/v1/namespaces", manifest, token="token-of-admin")
                assert answer.status == 201
        yield kubernetes, tokens


def internet_connections(pid: int) -> set[str]:
    """The lines of /proc/net/{tcp,tcp6,udp,udp6} that belong to a process's open sockets (proc(5))."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # Closed since it was listed.
    return {line for kind in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
            if f"socket:[{line.split()[9]}]" in own}


def claims(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


def pretended_pbs(folder: Path) -> Path:
    """A PBS_EXEC whose commands do nothing but write down that they were run."""
    (folder / "bin").mkdir(parents=True)
    for command in ("qsub", "qstat", "qselect", "qdel", "pbsnodes", "qalter", "qsig", "qmgr"):
        program = folder / "bin" / command
        program.write_text(f"#!/bin/sh\necho {command} >> '{folder}/commands'\n")
        program.chmod(0o755)
    return folder


def live(kubernetes: Any, tokens: dict[str, str], folder: Path, record: Callable[[], set[Use]]) -> Life:
    """Bind, report, count an Event up, give a claim its node, evict, and hold the Lease; then end all three."""
    pretended = pretended_pbs(folder / "pretended-pbs")
    administrator = folder / "administrator.kubeconfig"
    kubernetes.write_kubeconfig(administrator)
    with PBSSimulator(folder / "pbs", HOSTS) as pbs:
        # An administrator's credential, and PBS's commands, are there for whoever would take them.
        connector = Connector(
            folder, kubeconfigs(kubernetes, folder, tokens), pbs.exec_dir, configuration=CONFIGURATION,
            watcher_options=["--leader-elect"],
            environment={"KUBECONFIG": str(administrator), "PBS_EXEC": str(pretended),
                         "PATH": f"{pretended}/bin:/usr/bin:/bin"})
        connections: set[str] = set()

        def condition(namespace: str, name: str, kind: str) -> Any:
            pod = kubernetes.pod(namespace, name)
            return next((each for each in pod["status"].get("conditions", []) if each["type"] == kind), None)

        def has_event(namespace: str, name: str, reason: str, count: int = 1) -> bool:
            return any(event["involvedObject"]["name"] == name and event["reason"] == reason and event["count"] >= count
                       for event in kubernetes.events(namespace))

        def everywhere(holds: Callable[[str], Any]) -> None:
            kubernetes.wait(lambda _: all(holds(namespace) for namespace in POD_NAMESPACES), 20)
            connections.update(internet_connections(connector["pbs-broker"].pid))

        try:
            connector.start()
            for namespace in POD_NAMESPACES:
                kubernetes.create_pod(pod_manifest("runs", namespace=namespace))
            everywhere(lambda namespace: kubernetes.pod(namespace, "runs")["spec"].get("nodeName"))
            everywhere(lambda namespace: has_event(namespace, "runs", "Scheduled"))
            administer(kubernetes, "POST", CLASSES, {"metadata": {"name": "late"}, "provisioner": "example.org/local",
                                                     "volumeBindingMode": "WaitForFirstConsumer"})
            for namespace in POD_NAMESPACES:
                administer(kubernetes, "POST", claims(namespace), {"metadata": {"name": "data"}, "spec": {
                    "accessModes": ["ReadWriteOnce"], "storageClassName": "late", "resources": {"requests": {"storage": "1Gi"}}}})
                kubernetes.create_pod(pod_manifest("stores", namespace=namespace, volumes=[
                    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]))
                awaited(lambda: SELECTED in (administer(kubernetes, "GET", f"{claims(namespace)}/data")["metadata"].get("annotations") or {}), 30)
            for namespace in POD_NAMESPACES:
                kubernetes.create_pod(pod_manifest("waits", cpu="100", namespace=namespace))
            everywhere(lambda namespace: (condition(namespace, "waits", "PodScheduled") or {}).get("status") == "False")
            everywhere(lambda namespace: has_event(namespace, "waits", "FailedScheduling"))
            connector.restart("pbs-broker")
            everywhere(lambda namespace: has_event(namespace, "waits", "FailedScheduling", count=2))
            for job in [job for job in list(pbs.jobs.values()) if job.name == "runs"]:
                pbs.delete(job.id, user="root")
            everywhere(lambda namespace: "deletionTimestamp" in kubernetes.pod(namespace, "runs")["metadata"])
            everywhere(lambda namespace: has_event(namespace, "runs", "JobEnded"))
            kubernetes.wait(lambda _: any(use.verb == "update" and use.resource == "leases" for use in record()), 20)
        finally:
            print(connector.logs())
            connector.close()
    tried = pretended / "commands"
    return Life(record(), connections, tried.read_text() if tried.exists() else "")


@pytest.fixture(scope="module", params=["simulated", pytest.param("real", marks=pytest.mark.real_api)])
def api(request: pytest.FixtureRequest) -> str:
    """Which of the two APIs."""
    return str(request.param)


@pytest.fixture(scope="module")
def life(api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """One life of pods on the simulated API, and one on a real kube-apiserver."""
    folder = tmp_path_factory.mktemp("privileges")
    if api == "simulated":
        with simulator(documents()) as (kubernetes, tokens):
            yield live(kubernetes, tokens, folder, lambda: by_programs(recorded_by_simulator(kubernetes)))
        return
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    with AuditedKubernetes(folder / "kubernetes") as server:
        for node in NODES:
            server.create_node(node)
        server.apply(RBAC)
        tokens = {program: server.service_account_token(NAMESPACE, program) for program in ACCOUNTS}
        for document in documents():
            if "rules" in document:
                assert rules_on(server, document) == document["rules"], "what we read is what the server reads"
        yield live(server, tokens, folder, lambda: by_programs(recorded_by_audit(server.audit_log)))


def by_programs(uses: set[Use]) -> set[Use]:
    """All requests but those of the tests themselves, whose client gives no User-Agent."""
    return {use for use in uses if use.user_agent}


def rules_on(server: RealKubernetes, role: Any) -> Any:
    """The rules of a Role or ClusterRole as the server has stored them."""
    namespace = role["metadata"].get("namespace")
    where = f"namespaces/{namespace}/roles" if namespace else "clusterroles"
    return server.client.json("GET", f"/apis/rbac.authorization.k8s.io/v1/{where}/{role['metadata']['name']}")["rules"]


def test_no_request_was_refused(life: Life) -> None:
    assert not {use for use in life.uses if use.status in (401, 403)}


def test_no_right_is_missing(life: Life) -> None:
    assert not_granted(granted(documents()), life.uses) == set()


def test_no_right_is_granted_that_nobody_uses(life: Life) -> None:
    assert never_used(granted(documents()), life.uses) == set()


def test_no_right_is_granted_in_all_namespaces_that_is_used_in_one(life: Life) -> None:
    assert too_wide(granted(documents()), life.uses) == set()


def test_a_right_too_many_would_be_seen(life: Life) -> None:
    rights = granted(documents())
    for spare in (Right(ACCOUNTS["binder"], "list", "", "pods"), Right(ACCOUNTS["binder"], "create", "", "pods"),
                  Right(ACCOUNTS["kube-watcher"], "patch", "", "pods/status"),
                  Right(ACCOUNTS["kube-watcher"], "get", "", "secrets", NAMESPACE)):
        assert never_used(rights | {spare}, life.uses) == {spare}
    lease = Right(ACCOUNTS["kube-watcher"], "get", "coordination.k8s.io", "leases")
    assert too_wide(rights | {lease}, life.uses) == {lease}


def test_each_right_would_be_missed(life: Life) -> None:
    rights = granted(documents())
    assert len(rights) == 22
    for right in rights:
        assert not_granted(rights - {right}, life.uses), right
        if right.names:
            other = replace(right, names=frozenset({"another"}))
            assert not_granted(rights - {right} | {other}, life.uses), right


def test_each_account_is_used_by_its_process_alone(life: Life) -> None:
    users = {(use.user_agent.partition("/")[0], use.user) for use in life.uses}
    assert users == set(ACCOUNTS.items()), "pbs-broker is not among them, under no name"


def test_outside_of_resources_only_the_version_is_asked_for(life: Life) -> None:
    """Everybody may ask for it (ClusterRole system:public-info-viewer), and binder can do without."""
    assert {(use.user, use.verb, use.path) for use in life.uses if not use.resource} == \
        {(ACCOUNTS["binder"], "get", "/version")}


def test_the_broker_has_no_connection_over_the_network(life: Life) -> None:
    assert life.broker_connections == set()


def test_a_connection_of_the_broker_would_have_been_seen() -> None:
    with KubernetesSimulator() as kubernetes, tempfile.TemporaryDirectory(prefix="pbs-connector.") as folder:
        kubernetes.write_kubeconfig(f"{folder}/kubeconfig")
        connector = Connector(Path(folder), {"kube-watcher": Path(folder) / "kubeconfig"}, Path(folder))
        try:
            connector.start("kube-watcher")
            kubernetes.wait(lambda k: any(entry.verb == "watch" for entry in k.requests.entries)
                            or internet_connections(connector["kube-watcher"].pid), 10)
            assert internet_connections(connector["kube-watcher"].pid)
        finally:
            connector.close()


def test_nobody_runs_a_pbs_command_but_the_broker(life: Life) -> None:
    """The broker has another folder (--pbs-exec) than the one in everybody's environment."""
    assert life.pbs_commands_tried == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_the_broker_knows_the_names_of_pbs_commands(program: str) -> None:
    text = (program_folder() / program).read_bytes()
    assert [command for command in (b"qsub", b"qselect", b"pbsnodes") if command in text] == (
        [b"qsub", b"qselect", b"pbsnodes"] if program == "pbs-broker" else [])


@pytest.mark.parametrize("program, has", [("kube-watcher", True), ("binder", True), ("pbs-broker", False)])
def test_the_broker_has_no_flag_for_a_credential(program: str, has: bool, tmp_path: Path) -> None:
    command = [program_folder() / program]
    text = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True, timeout=30).stdout
    assert ("--kubeconfig" in text) == has
    assert not re.search(r"--\S*(token|certificate|password|server)", text)
    result = subprocess.run([*command, "--kubeconfig", tmp_path / "none"], capture_output=True, text=True, timeout=30)
    assert ("Unknown option '--kubeconfig'" in result.stderr) != has


def test_a_verb_too_few_is_a_403(tmp_path: Path) -> None:
    rules = documents()
    (role,) = [document for document in rules if "rules" in document and document["metadata"]["name"] == "pbs-connector-binder"]
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["pods/status"]]
    with (simulator(rules) as (kubernetes, tokens),
          PBSSimulator(tmp_path / "pbs", HOSTS) as pbs):
        connector = Connector(tmp_path, kubeconfigs(kubernetes, tmp_path, tokens), pbs.exec_dir, configuration=CONFIGURATION)
        try:
            connector.start()
            kubernetes.create_pod(pod_manifest("waits", cpu="100"))
            kubernetes.wait(lambda k: any(entry.status == 403 for entry in k.requests.entries), 15)
            refused = {(use.user, use.verb, use.resource) for use in recorded_by_simulator(kubernetes) if use.status == 403}
            assert refused == {(ACCOUNTS["binder"], "patch", "pods/status")}
            assert "pods/status" in connector["binder"].log() or "pods/status" in connector["pbs-broker"].wait_for_log("pods/status")
        finally:
            connector.close()
