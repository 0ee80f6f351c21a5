"""Runs of the program `simulate`, as many beside each other as there are processors."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

# The most hours of one run: each seed is another site, with other hosts, processes and users.
LONGEST = 100.0


@dataclass(frozen=True)
class Run:
    """One run: its hours, its seed, and what came of it."""

    hours: float
    seed: int
    status: int
    output: str

    @property
    def failure(self) -> str | None:
        """What was wrong, in the judge's words; None where all was well."""
        found = re.search(r"^SEED=\d+ fails: (.*)$", self.output, re.MULTILINE)
        return found.group(1) if found else None


def parts(hours: float, seed: int, longest: float = LONGEST) -> list[tuple[float, int]]:
    """Hours and seeds of the runs that make up so many hours."""
    result: list[tuple[float, int]] = []
    while hours > 0:
        result.append((min(hours, longest), seed + len(result)))
        hours -= longest
    return result


def run(program: Path, hours: float, seed: int, *arguments: str,
        environment: Mapping[str, str] | None = None) -> Run:
    """Runs it once, to its end."""
    command = [str(program), f"{hours:g}", str(seed), *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                           env={**os.environ, **(environment or {})}, check=False)
    return Run(hours, seed, ended.returncode, ended.stdout)


def run_all(program: Path, hours: float, seed: int, *arguments: str, longest: float = LONGEST) -> Iterator[Run]:
    """Runs all parts, and gives each that has ended."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting = [pool.submit(run, program, part, number, *arguments) for part, number in parts(hours, seed, longest)]
        try:
            for ended in as_completed(waiting):
                yield ended.result()
        finally:
            for one in waiting:
                one.cancel()
