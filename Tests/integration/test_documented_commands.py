"""The documentation's commands, run as they stand beside the three processes, a real API server and a simulated PBS.

Of a command only its names are changed (NODE, JOB, FILE ...) and the folder of the sockets. What each must print is in SHOWN.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterator

import pytest

from docs.command_ways import commands
from docs.commands import Command
from integration.conftest import HOSTS, running_site
from integration.connector import REPOSITORY, program_folder
from integration.monitoring import metrics, value, wait_for
from integration.site import Site
from real.kubernetes import RealKubernetes
from simulators.pbs import PBSSimulator

pytestmark = [pytest.mark.real_api, pytest.mark.simulated_pbs("commands are what is tried")]

FOLDER = "/run/pbs-connector"
# Parts of scripts, which the tests below run as a whole.
IN_SCRIPTS = r"(?:frame|frame\(\)|coproc|while|of|of\(\)) .*"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
METRICS = r"(?:pbs-broker --metrics-address|curl) .*"


@dataclass(frozen=True)
class Shown:
    """What a command prints, and how it ends: `status` None means that it goes on until it is interrupted."""

    command: str
    words: str
    status: int | None = 0


SHOWN = (
    Shown(r"kubectl apply -f deploy/examples/redis-pbs.yaml", r"pod/redis (?:created|unchanged|configured)"),
    Shown(r"kubectl apply -f deploy/rbac(?:-nodes)?.yaml", r"clusterrole.rbac.authorization.k8s.io/pbs-connector-\S+ (?:created|unchanged)"),
    Shown(r"kubectl apply -f deploy/admission-policies.yaml", r"pbs-connector-\S+ (?:created|unchanged)"),
    Shown(r"kubectl apply -k .*", r"deployment.apps/pbs-connector created"),
    Shown(r"kubectl delete -f .*", r'clusterrole.rbac.authorization.k8s.io "pbs-connector-binder" deleted'),
    Shown(r"echo .* token", r""),
    Shown(r"kubectl config .*", r"certificate-authority-data: \S{20}"),
    Shown(r"kubectl (?:apply|debug|describe node|pbs)", r"(?i)usage:"),
    Shown(r"kubectl describe pod .*", r"pbs-connector/job-id: \d+\."),
    Shown(r"kubectl describe node [A-Z1-9a-z]+(?: \| .*)?", r"Non-terminated Pods"),
    Shown(r"kubectl describe pvc data", r"Name: +data"),
    Shown(r"kubectl get pod NAME -o yaml .*", r"pbs-connector/job-id: \d+\."),
    Shown(r"kubectl get pod NAME -o jsonpath=.*", r"^pbs$"),
    Shown(r"kubectl get pods -l .*", r"No resources found"),
    Shown(r"kubectl get namespace .*", r"^[0-9a-f]{8}-[0-9a-f-]{27}$"),
    Shown(r"kubectl get pv -o yaml", r"^kind: List$"),
    Shown(r"kubectl get nodes -L .*", r"SWITCH\n(?:.*\n)*node1 "),
    Shown(r"kubectl annotate .*", r"annotated"),
    Shown(r"kubectl label .*", r"node/node1 (?:not )?labeled"),
    Shown(r"kubectl taint .*", r"node/node1 (?:modified|tainted)"),
    Shown(r"kubectl run .*", r"pod/probe created \(server dry run\)"),
    Shown(r"kubectl delete pod .*", r'pod "redis" deleted'),
    Shown(r"kubectl pbs get.*", r"redis +\d+\."),
    Shown(r"kubectl pbs history .*", r"Scheduled"),
    Shown(r"kubectl pbs ls-jobs .*", r" both +.*default/redis"),
    Shown(r"kubectl pbs doctor|pbs-broker .*doctor", r"^HOST +NODE"),
    Shown(r"kubectl pbs explain .*|pbs-broker explain -f.*", r"pod default/redis .*: a job\n  qsub "),
    Shown(r"pbs-broker explain", r"(?i)usage: pbs-broker explain"),
    Shown(r"pbs-broker status", r"^pods: .*\d (?:bound|running)"),
    Shown(r"pbs-broker status --watch 2", r"^pods: ", status=None),
    Shown(r"pbs-broker --version", r"^pbs-broker \d|^\d+\.\d+"),
    Shown(r"socat -u UNIX-CONNECT:\S+/kube-watcher.sock -", r'"name":"redis"', status=None),
    Shown(r"socat -u UNIX-CONNECT:\S+/pbs-broker.sock -", r'"type":"synced"', status=None),
    Shown(r"socat -u -T 1 .*", r"^default/redis \w+ node\d$"),
    Shown(r"socat .*--unbuffered.*", r"^default/followed to node\d, where job \d+\.\S+ runs$", status=None),
    Shown(r"qstat -s", r"redis"),
    Shown(r"qstat -B", r"^pbsserver"),
    Shown(r"qstat -f(?: -w)? (?:JOB|ID) \| grep .*", r"^ +(?:resources_used\.\w+|Job_Owner) = "),
    Shown(r"qstat -f(?: -w)? JOB", r"Job_Name = redis"),
    Shown(r"qselect -u \S+", r"^\d+\."),
    Shown(r"qselect .*\|.*", r"^\d+\.pbsserver$"),
    Shown(r"pbsnodes -l|pbsnodes -o node1", r""),
    Shown(r"pbsnodes -o -C .*|pbsnodes -r.*", r""),
    Shown(r"pbsnodes (?:-a|-v )?(?:node1)?", r"(?m)^node1\n"),
)


def shown(command: Command) -> Shown | None:
    return next((row for row in SHOWN if re.fullmatch(row.command, command.text, re.DOTALL)), None)


def run_here() -> list[Command]:
    """In the order of the rows, so that what is deleted is deleted last."""
    found = [command for command in commands("site") if not re.fullmatch(f"{IN_SCRIPTS}|{METRICS}", command.text, re.DOTALL)]
    return sorted(found, key=lambda command: bool(re.match(r"kubectl (?:delete|taint)|pbsnodes -[or]", command.text)))


@dataclass
class Stage:
    """The site, and a folder with what an administrator has there."""

    site: Site
    folder: Path
    environment: dict[str, str]

    def text(self, command: str) -> str:
        """The command with this site's names."""
        job = str(self.site.job_id_of("redis"))
        names = {"NODE": "node1", "POD": "redis", "JOB": job, "ID": job, "FILE": "deploy/examples/redis-pbs.yaml", "SOCKET":
                 str(self.site.connector.socket("kube-watcher")), "FOLDER": str(self.site.pbs.exec_dir), "NAMESPACE": "default",
                 "OLD-USER": getpass.getuser(), "USER": getpass.getuser()}
        if command.startswith("kubectl") and " node " not in command:
            names["NAME"] = "redis"
        names.setdefault("NAME", "default" if "--namespace" in command else "node1")
        text = re.sub(r"\[[A-Z]+\.\.\.\]|\[--config FILE\]", "", command)
        text = re.sub(r"\[(--[^\]]+)\]", r"\1", text)
        text = re.sub(r"(?<![\w{-])(%s)(?![\w}-])" % "|".join(names), lambda match: names[match[1]], text)
        text = text.replace(FOLDER, str(self.site.connector.socket("pbs-broker").parent)).replace("5.pbsserver", job)
        text = text.replace("train.yaml", "deploy/examples/redis-pbs.yaml").replace("-u pbs-broker", f"-u {getpass.getuser()}")
        if re.fullmatch(r"kubectl (?:apply|debug|describe node|pbs)|pbs-broker explain", command):
            text += " --help"
        if command.startswith("kubectl delete -f"):
            text += " --dry-run=server"
        return text

    def when_followed(self) -> "Callable[[], object]":
        """Makes a pod, for an observer of the broker that is about to connect."""
        broker = self.site.connector["pbs-broker"]
        before = len(broker.lines)

        def create() -> None:
            broker.wait_for_log("observer process", 30, after=before)
            self.site.create("followed")

        return create

    def start(self, text: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["bash", "-c", f"set -o pipefail; {text}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, cwd=self.folder, env=self.environment, start_new_session=True)

    def output(self, text: str, status: int | None, words: str, then: "Callable[[], object]" = lambda: None, seconds: float = 60) -> str:
        """What is printed until the command ends, or, where it goes on, until it has printed the words.

        `then` is called when it has been started.
        """
        process, printed = self.start(text), b""
        then()
        assert process.stdout is not None
        try:
            deadline = time.monotonic() + seconds
            while status is not None or not re.search(words, printed.decode(errors="replace"), re.MULTILINE):
                ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
                assert ready, f"{text}\nprinted only:\n{printed.decode(errors='replace')}"
                octets = os.read(process.stdout.fileno(), 1 << 16)
                printed += octets
                if not octets:
                    break
        finally:
            if status is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            code = process.wait(30)
            process.stdout.close()
        assert status in (None, code), f"{text}\nended with {code}:\n{printed.decode(errors='replace')}"
        return printed.decode(errors="replace")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A site of its own, whose nodes may be tainted: pod redis runs, a pod and a claim are there to be annotated."""
    for reason in (RealKubernetes.missing(), *(None if shutil.which(name) else f"no {name} in PATH" for name in ("kubectl", "jq", "socat"))):
        if reason:
            pytest.skip(f"no real Kubernetes here: {reason}")
    folder = tmp_path_factory.mktemp("documented")
    host = {**HOSTS["node1"]}
    with RealKubernetes(folder / "kubernetes") as server, PBSSimulator(folder / "pbs", {"node1": host, "node2": host}) as pbs:
        sites = running_site(folder, server, pbs)
        site = next(sites)
        try:
            work, tools = folder / "work", folder / "tools"
            work.mkdir()
            tools.mkdir()
            (work / "deploy").symlink_to(REPOSITORY / "deploy")
            plugin = tools / "kubectl-pbs"
            plugin.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY}/deploy/kubectl/kubectl-pbs "$@"\n')
            # The sockets' folder is another one, so that the default of an option is not what this site has.
            broker = tools / "pbs-broker"
            broker.write_text(f'#!/bin/sh\nexec {program_folder()}/pbs-broker --watcher {site.connector.socket("kube-watcher")} '
                              f'--socket {site.connector.socket("pbs-broker")} --pbs-exec {pbs.exec_dir} "$@"\n')
            for program in (plugin, broker):
                program.chmod(0o755)
            environment = {**os.environ, **pbs.environment, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(work),
                           "PATH": f"{tools}:{pbs.exec_dir}/bin:{os.environ['PATH']}"}
            site.connector.start("kube-watcher", "binder")
            site.connector.start_process("pbs-broker", options=["--metrics-address", str(site.connector.socket("metrics"))])
            stage = Stage(site, work, environment)
            stage.output("kubectl apply -f deploy/examples/redis-pbs.yaml -f deploy/rbac.yaml -f deploy/renewal.yaml", 0, "")
            site.wait_bound("redis")
            site.create("train", cpu="4000")
            site.pbs.submit(name="unclaimed", variables={"KUBERNETES_POD_UID": "0"}, user=getpass.getuser())
            server.client.json("POST", "/api/v1/namespaces/default/persistentvolumeclaims", {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
            site.wait_event("redis", "Scheduled")
            yield stage
        finally:
            sites.close()


def knows(stage: Stage, path: str) -> bool:
    return bool(stage.site.kubernetes.client.request("GET", path).status == 200)


def await_policies(stage: Stage, text: str) -> None:
    """Until they are in force, a second or two after they were applied."""
    deadline = time.monotonic() + 30
    while subprocess.run(["bash", "-c", text], env=stage.environment, cwd=stage.folder, capture_output=True, timeout=60).returncode == 0:
        assert time.monotonic() < deadline, "the policies are not in force"


def test_each_command_has_something_to_show() -> None:
    assert [str(command) for command in run_here() if shown(command) is None] == []
    assert [row.command for row in SHOWN if row not in map(shown, run_here())] == []


@pytest.mark.parametrize("command", run_here(), ids=str)
def test_the_command_shows_what_it_is_there_for(command: Command, stage: Stage) -> None:
    row = shown(command)
    assert row is not None
    text = stage.text(command.text)
    if "admission-policies" in text and not knows(stage, POLICIES):
        if command.text.startswith("kubectl apply"):
            pytest.skip("this API server has no admission policies: they came with Kubernetes 1.30")
        text = text.replace("-f deploy/admission-policies.yaml", "")
    if " -k " in text:
        told = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=60).stdout
        if "kustomizeVersion" not in told:
            pytest.skip("this kubectl has kustomize 2.0, which is too old: kubectl of Kubernetes 1.21 or later has a later one")
    if "kubectl delete pod" in text:
        text += " --wait=false --grace-period=30 --dry-run=server"
    if command.text.startswith("kubectl run probe") and knows(stage, POLICIES):
        row = replace(row, words="only the PBS connector writes its own annotations", status=1)
        await_policies(stage, text)
    printed = stage.output(text, row.status, row.words, then=stage.when_followed() if "followed" in row.words else lambda: None)
    assert re.search(row.words, printed, re.MULTILINE), printed
    if text.endswith("> token"):
        assert (stage.folder / "token").read_text().count(".") == 2


def script(first: str, last: str) -> str:
    """The commands of protocol.md from one that begins so to another."""
    texts = [command.text for command in commands("site") if command.page == "docs/protocol.md"]
    start = next(number for number, text in enumerate(texts) if text.startswith(first))
    end = next(number for number, text in enumerate(texts) if number >= start and text.startswith(last))
    return "\n".join(texts[start:end + 1])


def test_a_hint_is_sent_by_hand(stage: Stage) -> None:
    place = str(stage.site.connector.socket("metrics"))
    before = value(metrics(place), "pbs_connector_hints_total")
    stage.output(stage.text(script("frame()", "frame '")), 0, "")
    wait_for(place, lambda found: value(found, "pbs_connector_hints_total") == before + 1)


def test_a_pod_is_bound_by_hand(stage: Stage) -> None:
    """And the binder that comes after finds nothing left to do."""
    site = stage.site
    site.connector["binder"].stop()
    site.create("by-hand")
    # As its user: where the admission policies are in force, nobody else writes what a Binding carries.
    token = site.kubernetes.service_account_token("pbs-connector", "binder")
    kubeconfig = site.kubernetes.write_kubeconfig(stage.folder / "binder.kubeconfig", token=token)
    by_hand = replace(stage, environment={**stage.environment, "KUBECONFIG": str(kubeconfig)})
    lines = stage.text(script("frame()", "frame()") + "\n" + script("coproc", 'frame "$(of'))
    try:
        by_hand.output(lines, 0, "")
        if site.node_of("by-hand") is None:
            # The policies kept this site's own binder from the pod of another test, which came first.
            by_hand.output(lines, 0, "")
        pod = site.wait_bound("by-hand")
        assert pod["metadata"]["annotations"]["pbs-connector/job-id"] == site.job_id_of("by-hand")
        (job,) = site.jobs_of(pod["metadata"]["uid"])
        assert pod["spec"]["nodeName"] == job.hosts[0] and job.id == site.job_id_of("by-hand")
    finally:
        site.connector.start("binder")


def test_readiness_is_asked_for_by_curl(stage: Stage) -> None:
    """A broker of its own serves it, with sockets of its own."""
    if shutil.which("curl") is None:
        pytest.skip("no curl in PATH")
    served, asked = (command.text for command in commands("site") if re.fullmatch(METRICS, command.text))
    (stage.site.connector.socket("pbs-broker").parent / "pbs-broker").mkdir(exist_ok=True)
    second = stage.site.connector.socket("second")
    process = stage.start("exec " + stage.text(served) + f" --socket {second}")
    try:
        printed, deadline = "", time.monotonic() + 60
        while "[+]" not in printed:
            assert time.monotonic() < deadline and process.poll() is None, printed
            printed = subprocess.run(["bash", "-c", stage.text(asked)], capture_output=True, text=True, timeout=30).stdout
            time.sleep(0.1)
        assert re.search(r"^\[[+-]\] \w+", printed, re.MULTILINE)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
