"""Speed and memory of the connector: python3 -m bench (PYTHONPATH=Tests; `make bench` builds the executables first).

1,000 pods are created at once against a real kube-apiserver, with a simulated PBS that starts jobs
instantly. Beside it, in the same run, kube-scheduler binds as many pods where it is there, and plain
Binding posts show what the API server takes. Then 10,000 pods go through in waves of 500, and each
process's resident memory is compared with what it was after the first wave.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from integration.connector import PROGRAMS, Connector
from integration.site import pod_manifest
from real.kubernetes import RealKubernetes, find_program
from simulators.pbs import PBSSimulator

TICKS = os.sysconf("SC_CLK_TCK")
# So large that nothing has to wait for room.
HOST: dict[str, int | str] = {"ncpus": 100_000, "mem": "100000000000kb"}


def cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process, and that of its children that have ended."""
    fields = [int(field) for field in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]]
    return (fields[0] + fields[1]) / TICKS, (fields[2] + fields[3]) / TICKS


def memory_kb(pid: int, name: str) -> int:
    """VmRSS or VmHWM of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {name}")


class Binds:
    """Counts pods with a node by one watch of the API, and says when so many are bound."""

    def __init__(self, kubernetes: RealKubernetes) -> None:
        self._bound: set[str] = set()
        self._changed = threading.Condition()
        self._last = 0.0
        events = kubernetes.client.watch("/api/v1/pods", resourceVersion="0", timeoutSeconds="3600")
        threading.Thread(target=self._follow, args=(events,), daemon=True).start()

    def _follow(self, events: Any) -> None:
        for event in events:
            pod = event["object"]
            with self._changed:
                if event["type"] == "DELETED":
                    self._bound.discard(pod["metadata"]["uid"])
                elif pod.get("spec", {}).get("nodeName"):
                    self._bound.add(pod["metadata"]["uid"])
                    self._last = time.monotonic()
                self._changed.notify_all()

    def wait(self, count: int, timeout: float) -> float:
        """Waits until exactly so many pods are bound. Returns the moment of the last binding."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._bound) == count, timeout):
                raise SystemExit(f"bench: {len(self._bound)} of {count} pods bound after {timeout} s")
            return self._last


def in_parallel(kubernetes: RealKubernetes, work: Callable[[Any, int], object], count: int) -> None:
    """work(client, index) for each index, over four connections."""
    local = threading.local()

    def one(index: int) -> None:
        if not hasattr(local, "client"):
            local.client = kubernetes.client_of("admin")
        work(local.client, index)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(count)))


def create(kubernetes: RealKubernetes, prefix: str, count: int, scheduler: str) -> None:
    def post(client: Any, index: int) -> None:
        client.json("POST", "/api/v1/namespaces/default/pods",
                    pod_manifest(f"{prefix}-{index}", cpu="10m", memory="1Mi", scheduler=scheduler))
    in_parallel(kubernetes, post, count)


def delete(kubernetes: RealKubernetes, prefix: str, count: int) -> None:
    def post(client: Any, index: int) -> None:
        client.json("DELETE", f"/api/v1/namespaces/default/pods/{prefix}-{index}", {"gracePeriodSeconds": 0})
    in_parallel(kubernetes, post, count)


def measure_plain(kubernetes: RealKubernetes, binds: Binds, count: int) -> float:
    """Binding posts and nothing else. Returns pods a second."""
    create(kubernetes, "plain", count, "nobody")
    started = time.monotonic()

    def bind(client: Any, index: int) -> None:
        client.json("POST", f"/api/v1/namespaces/default/pods/plain-{index}/binding",
                    {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": f"plain-{index}"},
                     "target": {"apiVersion": "v1", "kind": "Node", "name": "node1"}})
    in_parallel(kubernetes, bind, count)
    rate = count / (binds.wait(count, 60) - started)
    delete(kubernetes, "plain", count)
    binds.wait(0, 120)
    return rate


def measure_scheduler(kubernetes: RealKubernetes, binds: Binds, count: int, directory: Path) -> float | None:
    """kube-scheduler on the same API server. Returns pods a second; None where it is not there."""
    program = find_program("kube-scheduler")
    if program is None:
        return None
    kubeconfig = kubernetes.write_kubeconfig(directory / "scheduler.kubeconfig")
    create(kubernetes, "theirs", count, "default-scheduler")
    started = time.monotonic()
    with open(directory / "scheduler.log", "wb") as log:
        process = subprocess.Popen([program, "--kubeconfig", str(kubeconfig), "--leader-elect=false", "--port=0",
                                    "--secure-port=0", "--kube-api-qps=5000", "--kube-api-burst=5000"],
                                   stdout=log, stderr=log)
        try:
            rate = count / (binds.wait(count, 120) - started)
        finally:
            process.kill()
            process.wait()
    delete(kubernetes, "theirs", count)
    binds.wait(0, 120)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--waves", type=int, default=20, help="waves of 500 pods for the memory figures")
    arguments = parser.parse_args()
    reason = RealKubernetes.missing()
    if reason:
        raise SystemExit(f"bench: no real Kubernetes here: {reason}")
    count = arguments.pods
    with tempfile.TemporaryDirectory() as name, RealKubernetes(Path(name) / "kubernetes") as kubernetes, \
            PBSSimulator(Path(name) / "pbs", {"node1": HOST, "node2": HOST}) as pbs:
        directory = Path(name)
        for node in ("node1", "node2"):
            kubernetes.create_node(node, cpu="100000", memory="100000000000Ki")
        binds = Binds(kubernetes)
        plain = measure_plain(kubernetes, binds, count)
        theirs = measure_scheduler(kubernetes, binds, count, directory)

        kubeconfig = kubernetes.write_kubeconfig(directory / "kubeconfig")
        connector = Connector(directory, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir,
                              log_level="warning")
        try:
            create(kubernetes, "ours", count, "pbs")
            started = time.monotonic()
            connector.start()
            ours = count / (binds.wait(count, 120) - started)
            print(f"{count} pods that waited when the scheduler was started, all bound; pods a second (and its share"
                  " of plain Binding posts in the same run):")
            print(f"  plain Binding posts {plain:8.0f}")
            if theirs is not None:
                print(f"  kube-scheduler      {theirs:8.0f}   ({theirs / plain:.2f})")
            print(f"  the connector       {ours:8.0f}   ({ours / plain:.2f})")
            report(connector)
            delete(kubernetes, "ours", count)
            binds.wait(0, 120)
            pbs.wait(lambda p: not any(job.live for job in list(p.jobs.values())), 120)

            started = time.monotonic()
            create(kubernetes, "live", count, "pbs")
            created = time.monotonic()
            rate = count / (binds.wait(count, 120) - started)
            print(f"{count} pods created while it runs: created in {created - started:.1f} s,"
                  f" all bound at {rate:.0f} pods/s")
            report(connector)
            delete(kubernetes, "live", count)
            binds.wait(0, 120)

            print(f"{arguments.waves * 500} pods in waves of 500, resident memory in kb:")
            first: dict[str, int] = {}
            for wave in range(arguments.waves):
                create(kubernetes, f"wave{wave}", 500, "pbs")
                binds.wait(500, 120)
                delete(kubernetes, f"wave{wave}", 500)
                binds.wait(0, 120)
                pbs.wait(lambda p: not any(job.live for job in list(p.jobs.values())), 120)
                if wave == 0:
                    first = {program: memory_kb(connector[program].pid, "VmRSS") for program in PROGRAMS}
            for program in PROGRAMS:
                last = memory_kb(connector[program].pid, "VmRSS")
                print(f"  {program:<13} after the first wave {first[program]:7d}, at the end {last:7d}"
                      f" ({100 * (last / first[program] - 1):+.0f}%)")
            report(connector)
        finally:
            connector.close()


def report(connector: Connector) -> None:
    for program in PROGRAMS:
        pid = connector[program].pid
        own, commands = cpu_seconds(pid)
        print(f"  {program:<13} {own:6.2f} s of CPU so far{f' and {commands:.2f} s in commands' if commands else ''},"
              f" peak memory {memory_kb(pid, 'VmHWM')} kb")


if __name__ == "__main__":
    main()
