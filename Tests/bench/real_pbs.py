"""A real PBS: how fast it starts jobs by itself, and how fast pods are bound through it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from integration.connector import Connector
from real.pbs import RealPBS, lab_program

from .processes import Meter
from .results import Result, Results
from .site import BenchSite, now, percentile, pids

SOURCE = Path(__file__).with_name("pbs_rate.c")
SECONDS = 900


class Questions:
    """`qstat -B`, again and again from the broker's host: how long others wait for PBS meanwhile."""

    def __init__(self, pbs: RealPBS) -> None:
        self.seconds: list[float] = []
        self._pbs, self._end = pbs, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Questions:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._end.wait(1.0):
            began = time.monotonic()
            self._pbs.run("qstat", "-B")
            self.seconds.append(time.monotonic() - began)


def measure(site: BenchSite, results: Results, count: int, backend: str) -> None:
    reason = RealPBS.missing()
    if reason:
        print(f"\n  no real PBS: {reason}")
        return
    results.title(f"{count} jobs on a real PBS, backend {backend}")
    # A folder that the submitter can reach.
    with tempfile.TemporaryDirectory(prefix="bench-pbs-") as name:
        Path(name).chmod(0o711)
        directory = Path(name) / "pbs"
        directory.mkdir()
        with RealPBS(directory) as pbs, room_for(pbs, count):
            own = plain(pbs, results, count)
            through_pods(site, pbs, results, count, backend, own)


@contextmanager
def room_for(pbs: RealPBS, jobs: int) -> Iterator[None]:
    """Each host has so many cpus; afterwards as many as before. Only where this PBS is a lab's."""
    if lab_program() is None:
        raise SystemExit("bench: real-pbs changes the hosts of PBS, and needs a lab (PBS_CONNECTOR_LAB)")
    hosts = pbs.hosts()
    for host in hosts:
        pbs.run("qmgr", "-c", f"set node {host} resources_available.ncpus = {jobs}")
    try:
        yield
    finally:
        for host, before in hosts.items():
            pbs.run("qmgr", "-c", f"unset node {host} resources_available.ncpus" if before.ncpus == before.pcpus
                    else f"set node {host} resources_available.ncpus = {before.ncpus}")


def wait_no_jobs(pbs: RealPBS) -> None:
    pbs.wait(lambda p: not p.run("qselect", "-u", p.submitter).split(), 300)


def plain(pbs: RealPBS, results: Results, count: int) -> Result:
    exec_dir = pbs.installed
    program = pbs.directory / "pbs_rate"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-o", program, SOURCE, f"-I{exec_dir}/include",
                    f"-L{exec_dir}/lib", "-lpbs", f"-Wl,-rpath,{exec_dir}/lib"], check=True)
    output = subprocess.run([*pbs.as_submitter(), str(program), str(count)], stdout=subprocess.PIPE, text=True, check=True, cwd=pbs.directory).stdout
    began, submitted, run = (float(moment) for moment in output.split())
    results.add("plain pbs_submit: submissions", count / (submitted - began), "jobs/s", "higher")
    wait_no_jobs(pbs)
    return results.add("plain pbs_submit: until all run", count / (run - began), "jobs/s", "higher")


def through_pods(site: BenchSite, pbs: RealPBS, results: Results, count: int, backend: str, own: Result) -> None:
    kubeconfig = site.kubernetes.write_kubeconfig(site.directory / "kubeconfig")
    configuration = f"pbs-broker:\n  pbs-backend: {backend}\n"
    connector = Connector(pbs.directory, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.installed, configuration=configuration,
                          broker_user=pbs.submitter, wrappers={"pbs-broker": ["env", "-C", str(pbs.directory), *pbs.as_submitter()]}, log_level="info")
    try:
        connector.start()
        connector["pbs-broker"].wait_for_log("proof:", 30)
        watch = site.client.watch("real", count, SECONDS)
        meter = Meter(pids(connector))
        with Questions(pbs) as questions:
            began = now()
            site.client.create("real", count, "pbs")
            moments = watch.moments()
            cpu = meter.seconds()
        results.add("pods, created at once, until all are bound", count / (max(moments.values()) - began), "pods/s", "higher", own)
        results.add("pods: CPU of all three", 1000 * sum(cpu.values()) / count, "ms a pod", "lower")
        associated = sum("associating job" in line for line in connector["pbs-broker"].lines)
        results.add("pods: jobs submitted for each", associated / count, "jobs", "lower")
        results.add("qstat -B meanwhile, the longest", 1000 * max(questions.seconds, default=0), "ms", "lower")
        results.add("qstat -B meanwhile, p50", 1000 * percentile(questions.seconds or [0.0], 0.5), "ms", "lower")
    except BaseException:
        print(connector.logs()[-4000:])
        raise
    finally:
        site.client.delete("real", count)
        wait_no_jobs(pbs)
        connector.close()
