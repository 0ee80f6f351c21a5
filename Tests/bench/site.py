"""What every benchmark stands on: a real kube-apiserver, a simulated PBS that starts jobs at once, and the compiled client."""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

from integration.connector import PROGRAMS, Connector
from real.kubernetes import RealKubernetes, find_program
from simulators.pbs import PBSSimulator

from .client import APIClient

# So large that nothing has to wait for room.
HOST: dict[str, int | str] = {"ncpus": 1_000_000, "mem": "1000000000000kb"}
# The commands' budget is for the reserved ports of a real host.
UNLIMITED = "pbs-broker:\n  connections-per-minute: 100000\n"


@dataclass
class BenchSite:
    kubernetes: RealKubernetes
    directory: Path
    client: APIClient
    _pbs_count: int = field(default=0)

    @staticmethod
    @contextmanager
    def running() -> Iterator[BenchSite]:
        reason = RealKubernetes.missing()
        if reason:
            raise SystemExit(f"bench: no real Kubernetes here: {reason}")
        with tempfile.TemporaryDirectory(prefix="bench-") as name, RealKubernetes(Path(name) / "kubernetes") as kubernetes:
            for node in ("node1", "node2"):
                node_object = {"cpu": "1000000", "memory": "1000000000000Ki"}
                kubernetes.create_node(node, **node_object)
                kubernetes.client.json("PATCH", f"/api/v1/nodes/{node}/status",
                                       {"status": {"capacity": {"pods": "1000000"}, "allocatable": {"pods": "1000000"}}},
                                       "application/strategic-merge-patch+json")
            yield BenchSite(kubernetes, Path(name), APIClient(kubernetes, Path(name)))

    @property
    def api_server(self) -> int:
        """The process id of kube-apiserver."""
        return self.kubernetes.api_server_pid

    @contextmanager
    def pbs(self) -> Iterator[PBSSimulator]:
        """A PBS of its own."""
        self._pbs_count += 1
        with PBSSimulator(self.directory / f"pbs-{self._pbs_count}", {"node1": HOST, "node2": HOST}) as pbs:
            yield pbs

    @contextmanager
    def connector(self, pbs: PBSSimulator, start: bool = True) -> Iterator[Connector]:
        kubeconfig = self.kubernetes.write_kubeconfig(self.directory / "kubeconfig")
        connector = Connector(pbs.directory, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir,
                              configuration=UNLIMITED, log_level="warning")
        try:
            if start:
                connector.start()
            yield connector
        except BaseException:
            print(connector.logs()[-4000:])
            raise
        finally:
            connector.close()

    @contextmanager
    def kube_scheduler(self) -> Iterator[int | None]:
        """Kubernetes' own scheduler, without limits of its own; its process id, or None where it is not there."""
        program = find_program("kube-scheduler")
        if program is None:
            yield None
            return
        kubeconfig = self.kubernetes.write_kubeconfig(self.directory / "scheduler.kubeconfig")
        with open(self.directory / "scheduler.log", "wb") as log:
            process = subprocess.Popen([program, "--kubeconfig", str(kubeconfig), "--leader-elect=false", "--port=0",
                                        "--secure-port=0", "--kube-api-qps=5000", "--kube-api-burst=5000"],
                                       stdout=log, stderr=log)
            try:
                yield process.pid
            finally:
                process.kill()
                process.wait()


def pids(connector: Connector) -> dict[str, int]:
    return {program: connector[program].pid for program in PROGRAMS}


def wait_no_jobs(pbs: PBSSimulator, timeout: float = 300) -> None:
    """Waits until no job lives: the pods of the last measurement are then no work any more."""
    pbs.wait(lambda p: not any(job.live for job in list(p.jobs.values())), timeout)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def now() -> float:
    return time.monotonic()
