"""Many pods, waiting and then running: memory, CPU, and what standing still costs."""

from __future__ import annotations

import time

from integration.connector import PROGRAMS, Connector

from .frames import wait_synced
from .processes import Meter, memory_kb
from .results import Results
from .site import BenchSite, now, pids, wait_no_jobs

IDLE = 20.0


def measure(site: BenchSite, results: Results, sizes: list[int]) -> None:
    for size in sizes:
        results.title(f"{size} pods that wait, and then run")
        prefix = f"grow{size}"
        with site.pbs() as pbs, site.connector(pbs) as connector:
            pbs.set_scheduling(False)
            meter = Meter(pids(connector))
            site.client.create(prefix, size, "pbs")
            pbs.wait(lambda p: len(p.jobs) >= size, 1200)
            cpu = meter.seconds()
            results.add(f"{size} submitted: CPU of all three", 1000 * sum(cpu.values()) / size, "ms a pod", "lower")
            stand_still(connector, results, f"{size} wait")
            watch = site.client.watch(prefix, size, 1200)
            meter = Meter(pids(connector))
            pbs.set_scheduling(True)
            watch.moments()
            cpu = meter.seconds()
            results.add(f"{size} started: CPU of all three", 1000 * sum(cpu.values()) / size, "ms a pod", "lower")
            stand_still(connector, results, f"{size} run")
            for program in PROGRAMS:
                results.add(f"{size}: peak memory of {program}", memory_kb(connector[program].pid, "VmHWM") / 1024, "MiB", "lower")
            started = now()
            connector.restart("kube-watcher")
            results.add(f"{size}: restart of kube-watcher to synced", wait_synced(connector.socket("kube-watcher")) - started, "s", "lower")
            site.client.delete(prefix, size)
            wait_no_jobs(pbs, 1200)


def stand_still(connector: Connector, results: Results, what: str) -> None:
    """CPU while nothing changes. The pause is what is measured."""
    time.sleep(5)
    meter = Meter(pids(connector))
    time.sleep(IDLE)
    results.add(f"{what}, idle: CPU of all three", 100 * sum(meter.seconds().values()) / IDLE, "% of a core", "lower")
