"""pbs-broker and its helper alone, between a played kube-watcher and a played binder: what a pod costs them."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Callable

from integration.connector import Connector
from simulators.pbs import PBSSimulator

from .played import PlayedWatcher, played
from .processes import children, memory_kb, own_seconds
from .results import Results
from .site import HOST, UNLIMITED, now

PATIENCE = 1200.0
IDLE = 20.0


def measure(results: Results, sizes: list[int]) -> None:
    for size in sizes:
        results.title(f"pbs-broker alone, {size} pods")
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            _measure(results, size, Path(name))


def _measure(results: Results, size: int, folder: Path) -> None:
    wrappers = {"pbs-broker": os.environ["PBS_BROKER_WRAPPER"].split()} if "PBS_BROKER_WRAPPER" in os.environ else {}
    with PBSSimulator(folder / "pbs", {"node1": HOST, "node2": HOST}) as pbs:
        connector = Connector(pbs.directory, {}, pbs.exec_dir, configuration=UNLIMITED, log_level="warning", wrappers=wrappers)
        try:
            with played(connector.socket("kube-watcher"), connector.socket("pbs-broker"), size) as (watcher, binder):
                pbs.set_scheduling(False)
                connector.start("pbs-broker")
                meter = BrokerMeter(connector["pbs-broker"].pid)
                pbs.wait(lambda p: len(p.jobs) >= size, PATIENCE)
                _settle(lambda: len(binder.frames) > 0)
                meter.report(results, size, "submitted")
                _stand_still(results, meter, f"{size} wait")
                meter.start()
                pbs.set_scheduling(True)
                _settle(lambda: watcher.bound >= size)
                meter.report(results, size, "bound")
                _stand_still(results, meter, f"{size} run")
                results.add(f"{size}: peak memory of pbs-broker", memory_kb(meter.pid, "VmHWM") / 1024, "MiB", "lower")
                results.add(f"{size}: peak memory of the helper", memory_kb(meter.helper, "VmHWM") / 1024, "MiB", "lower")
                _restart(results, connector, watcher, size)
                meter = BrokerMeter(connector["pbs-broker"].pid)
                watcher.delete_all()
                pbs.wait(lambda p: not any(job.live for job in list(p.jobs.values())), PATIENCE)
                meter.report(results, size, "deleted")
                connector["pbs-broker"].stop(60)
        except BaseException:
            print(connector.logs()[-4000:])
            raise
        finally:
            connector.close()


def _restart(results: Results, connector: Connector, watcher: PlayedWatcher, size: int) -> None:
    """Until a new pbs-broker has taken in what kube-watcher tells, and compared it."""
    connector["pbs-broker"].kill()
    watcher.snapshot_seconds = None
    connector.start("pbs-broker")
    _settle(lambda: watcher.snapshot_seconds is not None)
    assert watcher.snapshot_seconds is not None
    results.add(f"{size} run: pbs-broker's restart, connected to all taken in", watcher.snapshot_seconds, "s", "lower")
    results.add(f"{size} run: pbs-broker's restart, CPU until then", sum(own_seconds(connector["pbs-broker"].pid)), "s", "lower")
    time.sleep(10)


class BrokerMeter:
    """CPU seconds of pbs-broker and of its helper, in user mode and in the kernel."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.start()

    @property
    def helper(self) -> int:
        return children(self.pid)[0]

    def start(self) -> None:
        self._before = self._seconds()

    def _seconds(self) -> dict[str, tuple[float, float]]:
        helpers = children(self.pid)
        return {"pbs-broker": own_seconds(self.pid), "its helper": own_seconds(helpers[0]) if helpers else (0.0, 0.0)}

    def total(self) -> float:
        """CPU seconds since the start, of both."""
        return sum(sum(seconds) - sum(self._before[name]) for name, seconds in self._seconds().items())

    def report(self, results: Results, count: int, what: str) -> None:
        """Enters what each has used for a pod since the start."""
        for name, (user, system) in self._seconds().items():
            before = self._before[name]
            results.add(f"{count} {what}: {name}, user", 1000 * (user - before[0]) / count, "ms a pod", "lower")
            results.add(f"{count} {what}: {name}, kernel", 1000 * (system - before[1]) / count, "ms a pod", "lower")


def _settle(condition: Callable[[], bool]) -> None:
    deadline = now() + PATIENCE
    while not condition():
        if now() > deadline:
            raise SystemExit("bench: pbs-broker has not come to its end in time")
        time.sleep(0.05)


def _stand_still(results: Results, meter: BrokerMeter, what: str) -> None:
    """CPU while nothing changes. The pause is what is measured."""
    time.sleep(3)
    meter.start()
    time.sleep(IDLE)
    results.add(f"{what}, idle: pbs-broker and its helper", 100 * meter.total() / IDLE, "% of a core", "lower")
