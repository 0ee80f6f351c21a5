"""The recordings of real PBS commands: where they are and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[1] / "recordings" / "pbs"


@dataclass(frozen=True)
class Recording:
    """One recorded call: its command line as typed, what it printed, and its exit status."""

    command: str
    stdout: str
    stderr: str
    status: int

    @staticmethod
    def read(name: str) -> "Recording":
        """Reads a file: "$ command", standard output, "stderr: " lines, "exit: N"."""
        first, *lines = (DIRECTORY / name).read_text().splitlines(keepends=True)
        last = lines.pop()
        assert first.startswith("$ ") and last.startswith("exit: "), f"{name} is not a recording"
        stderr = "".join(line.removeprefix("stderr: ") for line in lines if line.startswith("stderr: "))
        stdout = "".join(line for line in lines if not line.startswith("stderr: "))
        return Recording(first[2:].rstrip("\n"), stdout, stderr, int(last.removeprefix("exit: ")))
