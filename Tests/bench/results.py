"""What benchmarks found: a table for people, JSON for comparisons."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Result:
    """One figure. `ratio`: to what it is compared with in the same run; that, and not the figure, is kept across machines."""

    name: str
    value: float
    unit: str
    better: Better
    ratio: float | None = None
    ratio_to: str | None = None

    def line(self) -> str:
        ratio = f"{self.ratio:8.2f} of {self.ratio_to}" if self.ratio is not None else ""
        return f"  {self.name:<58} {self.value:10.2f} {self.unit:<10}{ratio}".rstrip()


@dataclass
class Results:
    """All figures of one run, printed as they come."""

    versions: dict[str, str]
    results: list[Result] = field(default_factory=list)

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def add(self, name: str, value: float, unit: str, better: Better, to: Result | None = None) -> Result:
        """Enters a figure; `to` is the result of the same run that it is a ratio to."""
        ratio = value / to.value if to is not None and to.value > 0 else None
        result = Result(name, value, unit, better, ratio, to.name if to is not None and ratio is not None else None)
        self.results.append(result)
        print(result.line(), flush=True)
        return result

    def write(self, path: Path) -> None:
        machine = {"processors": os.cpu_count(), "machine": platform.machine(), "system": platform.platform()}
        path.write_text(json.dumps({"machine": machine, "versions": self.versions,
                                    "results": [asdict(result) for result in self.results]}, indent=2) + "\n")


def read(path: Path) -> dict[str, Result]:
    """The figures of an earlier run, by name.

    Raises SystemExit, with the file's name, for one that is no such file.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text())["results"]
        return {entry["name"]: Result(**entry) for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"bench-compare: {path}: {error!r}") from None
