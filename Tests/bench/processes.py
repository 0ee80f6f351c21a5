"""CPU time and memory of processes, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, with that of its children: those that have ended, and those that run."""
    return sum(_ticks(pid)) / TICKS + sum(cpu_seconds(child) for child in children(pid))


def own_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process alone."""
    user, system = _ticks(pid)[:2]
    return user / TICKS, system / TICKS


def _ticks(pid: int) -> list[int]:
    return [int(field) for field in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]]


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def memory_kb(pid: int, name: str = "VmRSS") -> int:
    """VmRSS or VmHWM (the peak) of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no {name}")


@dataclass
class Meter:
    """CPU seconds of some processes from its beginning on."""

    pids: dict[str, int]

    def __post_init__(self) -> None:
        self._before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def seconds(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) - self._before[name] for name, pid in self.pids.items()}
