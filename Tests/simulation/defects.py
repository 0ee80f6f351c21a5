"""`make simulate-defects`: what the simulator has to find.

Each file of `defects` puts one mended defect back. It is applied to a copy of the sources, which is built and run
with the seed that the file names; where it names none, or the code has changed so that this seed meets the defect no
more, with further ones. A defect that is not found within 2,000 hours is a defect of the simulator.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulation.runs import LONGEST, Run, run, run_all

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "defects"
COPY = ROOT / ".build" / "defects"
# Within which a defect has to be found.
HOURS = 2000.0


@dataclass(frozen=True)
class Defect:
    """A patch, and what its first lines say: the seed and hours that find it, and in which words."""

    patch: Path
    seed: int | None
    hours: float
    words: str
    # Nothing of the plan before this hour.
    begins: str | None

    @classmethod
    def read(cls, patch: Path) -> Defect:
        """From a patch; fails where its first lines do not say all."""
        head = patch.read_text().split("\n--- ", 1)[0]
        said = dict(re.findall(r"^(Seed|Hours|Words|From): (.+)$", head, re.MULTILINE))
        seed = int(said["Seed"]) if "Seed" in said else None
        return cls(patch, seed, float(said.get("Hours", LONGEST)), said["Words"], said.get("From"))

    def is_found(self, ended: Run) -> bool:
        """Whether the run has failed as this defect does."""
        return ended.failure is not None and re.search(self.words, ended.failure) is not None


def defects() -> list[Defect]:
    """All of them, by name."""
    return [Defect.read(patch) for patch in sorted(FOLDER.glob("*.patch"))]


def _files(root: Path) -> Iterator[Path]:
    for name in ("Package.swift", "Package.resolved", "Sources", "Tests/simulation", "Tests/time"):
        top = root / name
        yield from (path.relative_to(root) for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())


def _copy() -> None:
    """Brings the copy up to date; what has not changed keeps its time, for the build."""
    wanted = set(_files(ROOT))
    for path in set(_files(COPY)) - wanted:
        (COPY / path).unlink()
    for path in wanted:
        if not (COPY / path).is_file() or (COPY / path).read_bytes() != (ROOT / path).read_bytes():
            (COPY / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, COPY / path)


def _patch(defect: Defect, *arguments: str) -> None:
    subprocess.run(["patch", "--strip=1", "--quiet", "--no-backup-if-mismatch", *arguments,
                    f"--input={defect.patch}"], cwd=COPY, check=True)


def _build() -> Path:
    subprocess.run(["env", "PBS_CONNECTOR_SIMULATE=1", "swift", "build", "--quiet", "--product", "simulate"],
                   cwd=COPY, check=True)
    program = COPY / "simulate"
    shutil.copy2(COPY / ".build" / "debug" / "simulate", program)
    return program


def find(defect: Defect, program: Path) -> Run | None:
    """Looks for a run that the defect spoils, with its own seed first."""
    if defect.seed is not None:
        begins = [f"from={defect.begins}"] if defect.begins else []
        ended = run(program, defect.hours, defect.seed, "once", *begins)
        if defect.is_found(ended):
            return ended
        print(f"  SEED={defect.seed} does not find it any more ({ended.failure}); looking on", flush=True)
    for ended in run_all(program, HOURS, 1, "once"):
        if defect.is_found(ended):
            return ended
    return None


def main() -> int:
    """Fails when one is not found."""
    missed: list[str] = []
    names = sys.argv[1:]
    for defect in defects():
        if names and defect.patch.stem not in names:
            continue
        _copy()
        _patch(defect)
        try:
            ended = find(defect, _build())
        finally:
            _patch(defect, "--reverse")
        if ended is None:
            missed.append(defect.patch.stem)
            print(f"{defect.patch.stem}: NOT FOUND", flush=True)
        else:
            print(f"{defect.patch.stem}: SEED={ended.seed} HOURS={ended.hours:g}: {ended.failure}", flush=True)
    print(f"not found: {', '.join(missed)}" if missed else "each of them is found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
