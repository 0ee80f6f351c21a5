"""The compiled client of the benchmarks (api_client.c), and pods made and watched with it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from integration.site import pod_manifest
from real.kubernetes import RealKubernetes

SOURCE = Path(__file__).with_name("api_client.c")
PODS = "/api/v1/namespaces/default/pods"
IN_FLIGHT = 32


@dataclass(frozen=True)
class Answer:
    """One request. Moments are those of time.monotonic()."""

    number: int
    status: int
    sent: float
    ended: float


class Watch:
    """A watch in its own process, which counts pods with a node."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            process.wait()
            raise SystemExit("bench: the watch of pods has not begun")

    def moments(self) -> dict[int, float]:
        """Waits until all pods are bound, and returns when each was seen so."""
        output, _ = self._process.communicate()
        if self._process.returncode != 0:
            raise SystemExit("bench: not all pods were bound in time")
        return {int(number): float(moment) for number, moment in map(str.split, output.splitlines())}


class APIClient:
    def __init__(self, kubernetes: RealKubernetes, directory: Path) -> None:
        self._program = directory / "api_client"
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-o", self._program, SOURCE, "-lcurl"], check=True)
        self._server = [str(self._program), kubernetes.url, str(kubernetes.directory / "ca.crt"), kubernetes.tokens["admin"]]

    def requests(self, method: str, path: str, body: object, count: int, rate: float = 0, in_flight: int = IN_FLIGHT) -> list[Answer]:
        """So many requests; "{i}" in path and body is the number of each. `rate`: at most so many a second, 0 for no limit."""
        result = subprocess.run([*self._server, "requests", method, path, json.dumps(body), str(count), str(in_flight), str(rate)],
                                stdout=subprocess.PIPE, text=True, check=True)
        *lines, last = result.stdout.splitlines()
        if last != "failed 0":
            statuses = sorted({line.split()[1] for line in lines})
            raise SystemExit(f"bench: {method} {path}: {last} of {count} requests (statuses {', '.join(statuses)})")
        fields = [line.split() for line in lines]
        return [Answer(int(number), int(status), float(sent), float(ended)) for number, status, sent, ended in fields]

    def watch(self, prefix: str, count: int, seconds: int) -> Watch:
        """Begins to watch for pods PREFIX-0 to PREFIX-(count - 1) to be bound."""
        return Watch(subprocess.Popen([*self._server, "watch", prefix, str(count), str(seconds)], stdout=subprocess.PIPE, text=True))

    def create(self, prefix: str, count: int, scheduler: str, rate: float = 0) -> list[Answer]:
        return self.requests("POST", PODS, pod_manifest(prefix + "-{i}", cpu="10m", memory="1Mi", scheduler=scheduler), count, rate)

    def bind(self, prefix: str, count: int) -> list[Answer]:
        """Plain Binding posts, all to one node."""
        name = prefix + "-{i}"
        return self.requests("POST", f"{PODS}/{name}/binding", {
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "node1"}}, count)

    def delete(self, prefix: str, count: int) -> None:
        self.requests("DELETE", f"{PODS}/{prefix}-{{i}}", {"gracePeriodSeconds": 0}, count)
