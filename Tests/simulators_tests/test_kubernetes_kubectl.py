"""A real client must be content with the simulator: kubectl against both releases, and the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.kubernetes import Kubelet, KubernetesSimulator

from .kubernetes_client import request

TESTS = Path(__file__).resolve().parents[1]
TIMEOUT = 60  # seconds
# kubectl, and the oldest one beside it where Google's packages are installed.
KUBECTLS = ["kubectl", *sorted(map(str, Path("/usr/lib/google-cloud-sdk/bin").glob("kubectl.1.*")))[:1]]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here")

REDIS: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis"},
    "spec": {"containers": [{"name": "redis", "image": "redis:latest", "resources": {
        "requests": {"memory": "640Mi", "cpu": "1"}, "limits": {"memory": "700Mi", "cpu": "3"}}}]},
}


class Site:
    """A simulator and a kubectl that talks to it."""

    def __init__(self, simulator: KubernetesSimulator, program: str, directory: Path) -> None:
        self.simulator = simulator
        self._program = program
        self._directory = directory
        # kubectl keeps what it has discovered in its home.
        self._environment = {**os.environ, "KUBECONFIG": str(directory / "kubeconfig"), "HOME": str(directory)}
        simulator.write_kubeconfig(directory / "kubeconfig")
        (directory / "redis.json").write_text(json.dumps(REDIS))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([self._program, *arguments], cwd=self._directory, env=self._environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kubectl(self, *arguments: str) -> str:
        """Standard output of a kubectl that must succeed without a word on standard error but warnings."""
        process = self.start(*arguments)
        output, complaints = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, complaints
        return output

    def create_redis(self) -> None:
        self.kubectl("create", "-f", "redis.json")

    def bind_redis(self) -> None:
        """As the binder does, and wait until the kubelet stand-in runs it."""
        self.simulator.bind("default", "redis", "node1", {"pbs-connector/job-id": "5.pbsserver"})
        self.simulator.wait(lambda k: k.pods()[0]["status"]["phase"] == "Running", TIMEOUT)


@pytest.fixture(params=KUBECTLS, ids=lambda path: Path(path).name)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["1.20", "1.36"])
def site(request: pytest.FixtureRequest, program: str, tmp_path: Path) -> Iterator[Site]:
    with KubernetesSimulator(version=request.param, kubelet=Kubelet(), tls=True) as simulator:
        simulator.create_node("node1")
        yield Site(simulator, program, tmp_path)


@needs_kubectl
class TestKubectl:
    def test_create_and_apply(self, site: Site) -> None:
        assert site.kubectl("create", "-f", "redis.json") == "pod/redis created\n"
        assert site.kubectl("apply", "-f", "redis.json") == "pod/redis configured\n"
        assert site.kubectl("apply", "-f", "redis.json") == "pod/redis unchanged\n"

    def test_get_pods_wide(self, site: Site) -> None:
        site.create_redis()
        site.bind_redis()
        header, row = site.kubectl("get", "pods", "-o", "wide").splitlines()
        columns = header.split("  ")
        assert [column.strip() for column in columns if column] == [
            "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
        words = row.split()
        assert words[:4] == ["redis", "1/1", "Running", "0"] and words[6] == "node1"

    def test_get_nodes(self, site: Site) -> None:
        site.simulator.create_node("node2", ready=False)
        rows = [line.split()[:2] for line in site.kubectl("get", "nodes").splitlines()]
        assert rows == [["NAME", "STATUS"], ["node1", "Ready"], ["node2", "NotReady"]]
        assert "CONTAINER-RUNTIME" in site.kubectl("get", "nodes", "-o", "wide")

    def test_describe_shows_events(self, site: Site) -> None:
        site.create_redis()
        site.bind_redis()
        pod = site.simulator.pod("default", "redis")
        assert pod is not None
        created = pod["metadata"]["creationTimestamp"]
        site.simulator.request("POST", "/api/v1/namespaces/default/events", {
            "metadata": {"name": "redis.1"}, "reason": "Scheduled", "type": "Normal", "count": 1,
            "message": "Successfully assigned default/redis to node1", "source": {"component": "pbs-connector"},
            "firstTimestamp": created, "lastTimestamp": created,
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "redis",
                               "uid": pod["metadata"]["uid"]}})
        text = site.kubectl("describe", "pod", "redis")
        for part in ("pbs-connector/job-id: 5.pbsserver", "node1/127.0.0.1", "PodScheduled", "640Mi",
                     "pbs-connector", "Successfully assigned default/redis to node1"):
            assert part in text
        assert "pod/redis" in site.kubectl("get", "events")
        described = site.kubectl("describe", "node", "node1")
        assert "redis" in described and "640Mi" in described

    def test_watch_and_delete(self, site: Site) -> None:
        site.create_redis()
        watching = site.start("get", "pods", "-w", "--no-headers")
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[:3] == ["redis", "0/1", "Pending"]
        site.bind_redis()
        while not (line := watching.stdout.readline().split())[2:3] == ["Running"]:
            assert line, "the watch has ended"
        assert line[:3] == ["redis", "1/1", "Running"]
        assert "deleted" in site.kubectl("delete", "pod", "redis")
        assert site.simulator.pods() == []
        watching.terminate()
        watching.communicate(timeout=TIMEOUT)

    def test_what_is_not_there(self, site: Site) -> None:
        process = site.start("get", "pod", "nosuch")
        _, complaint = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, complaint) == (1, 'Error from server (NotFound): pods "nosuch" not found\n')


class TestCommandLine:
    @pytest.fixture
    def serve(self, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
        started: list[subprocess.Popen[str]] = []

        def run(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen([sys.executable, "-m", "simulators.kubernetes", *arguments],
                                       env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.PIPE, text=True)
            started.append(process)
            return process

        yield run
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=TIMEOUT)

    def test_it_says_when_it_is_ready_and_ends_on_sigterm(
            self, serve: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
        kubeconfig = tmp_path / "kubeconfig"
        process = serve("--port", "0", "--kubeconfig", str(kubeconfig), "--nodes", "node1,node2", "--version", "1.20")
        assert process.stdout is not None
        ready, url = process.stdout.readline().split()
        assert ready == "ready"
        assert json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == url
        port = int(url.rsplit(":", 1)[1])
        answer = request(_At(port), "GET", "/api/v1/nodes")
        assert [node["metadata"]["name"] for node in answer.json["items"]] == ["node1", "node2"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0


class _At:
    """Where a server of another process listens."""

    def __init__(self, port: int) -> None:
        self.port = port
