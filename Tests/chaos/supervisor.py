"""Keeps the connector's processes running, as a service manager does, and does to them what a run asks for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from integration.connector import Connector, RunningProcess
from simulators.pbs.timers import Timers

from .downtime import Downtime


@dataclass(frozen=True)
class Layout:
    """Which processes there are. `programs` has the program of each instance, `watchers` the kube-watcher of each
    broker. Those of `first` run all the time, those of `second` for a part of it. `elects`: the kube-watchers are
    active and standby by a Lease."""

    programs: Mapping[str, str]
    watchers: Mapping[str, str]
    first: tuple[str, ...]
    second: tuple[str, ...]
    elects: bool


ONE_WATCHER = Layout(
    {"kube-watcher": "kube-watcher", "pbs-broker": "pbs-broker", "binder": "binder", "pbs-broker-2": "pbs-broker",
     "binder-2": "binder"},
    {"pbs-broker": "kube-watcher", "pbs-broker-2": "kube-watcher"},
    ("kube-watcher", "pbs-broker", "binder"), ("pbs-broker-2", "binder-2"), elects=False)
# As on two hosts, each with its own kube-watcher and broker.
TWO_WATCHERS = Layout(
    {**ONE_WATCHER.programs, "kube-watcher-2": "kube-watcher"},
    {"pbs-broker": "kube-watcher", "pbs-broker-2": "kube-watcher-2"},
    ("kube-watcher", "kube-watcher-2", "pbs-broker", "pbs-broker-2", "binder"), ("binder-2",), elects=True)


class Supervisor:
    """`ended` says which processes have ended by themselves, which none may. `holder` tells who holds the Lease."""

    def __init__(self, layout: Layout, connector: Connector, holder: Callable[[], str | None], timers: Timers,
                 downtime: Downtime) -> None:
        self._layout = layout
        self._connector = connector
        self._holder = holder
        self._timers = timers
        self._downtime = downtime
        self._running: dict[str, RunningProcess] = {}
        self._stopped: set[str] = set()
        # Those that are to be running; a killed one comes back as long as it is among them.
        self._wanted: set[str] = set()
        self._all: list[tuple[float, RunningProcess]] = []
        self.ended: list[str] = []

    @property
    def working(self) -> list[str]:
        """Instances that run and are not stopped, in order."""
        return [name for name in self._layout.programs if self._works(name)]

    @property
    def elects(self) -> bool:
        return self._layout.elects

    @property
    def leader(self) -> str | None:
        """The kube-watcher that leads, if that works."""
        holder = self._holder()
        return holder if holder is not None and self._works(holder) else None

    def has_standby(self, leader: str) -> bool:
        """Whether another kube-watcher could lead in its place."""
        return any(name != leader and self._layout.programs[name] == "kube-watcher" for name in self.working)

    def _works(self, name: str) -> bool:
        return name in self._running and name not in self._stopped

    def start_first(self) -> None:
        self.start(*self._layout.first)

    def start_second(self) -> None:
        self.start(*self._layout.second)

    def retire_second(self) -> None:
        self.retire(*self._layout.second)

    def start(self, *names: str) -> None:
        for name in names:
            self._wanted.add(name)
            self._start(name)

    def _start(self, name: str) -> None:
        if name in self._wanted and name not in self._running:
            program = self._layout.programs[name]
            process = self._connector.start_process(
                program, instance=name, watcher=self._layout.watchers.get(name, ""), brokers=tuple(self._layout.watchers),
                options=["--leader-elect"] if program == "kube-watcher" and self.elects else [])
            self._running[name] = process
            self._all.append((time.monotonic(), process))
        self._note()

    def kill(self, name: str, away: float) -> None:
        """kill -9, and a start some seconds later."""
        self._running.pop(name).kill()
        self._stopped.discard(name)
        self._note()
        self._timers.after(away, lambda: self._start(name))

    def restart(self, name: str) -> None:
        """An orderly end, and a start at once: an upgrade."""
        self._end(name)
        self._start(name)

    def retire(self, *names: str) -> None:
        """An orderly end for good."""
        for name in names:
            self._wanted.discard(name)
            if name in self._running:
                self._end(name)

    def _end(self, name: str) -> None:
        process = self._running.pop(name)
        self._stopped.discard(name)
        status = process.stop()
        # One that has only just been started does not handle the signal yet.
        if status != 0 and not (status == -signal.SIGTERM and not process.lines):
            self.ended.append(f"{name} ended with status {status} on SIGTERM")
        self._note()

    def suspend(self, name: str) -> None:
        """SIGSTOP."""
        self._running[name].signal(signal.SIGSTOP)
        self._stopped.add(name)
        self._note()

    def resume(self, name: str) -> None:
        """SIGCONT, unless the process was killed meanwhile."""
        if name in self._stopped:
            self._running[name].signal(signal.SIGCONT)
            self._stopped.discard(name)
            self._note()

    def check(self) -> None:
        """Looks for processes that have ended by themselves, and starts them again."""
        for name, process in list(self._running.items()):
            if not process.is_running:
                del self._running[name]
                self._stopped.discard(name)
                status = process.wait()
                self.ended.append(f"{name} ended by itself with status {status}: {' / '.join(process.lines[-3:])}")
                self._start(name)
        self._note()

    def start_all(self) -> None:
        """Starts what is to run and does not, without waiting for its time."""
        for name in sorted(self._wanted):
            self._start(name)

    def _note(self) -> None:
        """Keeps account of the time in which no broker could act. A standby's broker owns no pod."""
        if any(self._works(broker) and (not self.elects or self.leader == watcher)
               for broker, watcher in self._layout.watchers.items()):
            self._downtime.ends("brokers")
        else:
            self._downtime.begins("brokers")

    def log(self, beginning: float) -> Iterable[str]:
        """All lines of all processes in the order of time, in seconds from `beginning`."""
        lines = [(started + moment - beginning, process.name, line) for started, process in self._all
                 for moment, line in zip(process.times, process.lines)]
        return (f"{moment:8.3f} {name:<13} {line}" for moment, name, line in sorted(lines, key=lambda item: item[0]))
