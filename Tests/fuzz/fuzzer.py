"""The fuzzer's executable: whether this toolchain can build it, how it is built, and one run of a target."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from fuzz.seeds import recorded_seeds

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
SCRATCH = REPOSITORY / ".build-fuzz"

# One input may take so many seconds, and the process so many MiB, of which it needs some 50.
INPUT_SECONDS = 20
MEMORY_MIB = 512
# Octets in an input: a pod with all that it can have is some thousands.
INPUT_OCTETS = 16384

PROBE = '@_cdecl("LLVMFuzzerTestOneInput") public func test(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt { 0 }\n'


def missing() -> str | None:
    """Why the fuzzer cannot be built here, if it cannot: not every Swift toolchain has libFuzzer."""
    swiftc = shutil.which("swiftc")
    if swiftc is None:
        return "no swiftc in PATH"
    with tempfile.TemporaryDirectory(prefix="pbs-connector-fuzz-") as folder:
        source = Path(folder) / "probe.swift"
        source.write_text(PROBE)
        command = [swiftc, "-parse-as-library", "-sanitize=fuzzer", str(source), "-o", f"{folder}/probe"]
        result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if result.returncode == 0:
        return None
    words = [line for line in (result.stderr + result.stdout).splitlines() if "error" in line] or ["no words"]
    return f"swiftc -sanitize=fuzzer does not link: {words[0]}"


def build() -> Path:
    """Build the executable, in a build folder of its own, and return it."""
    command = ["swift", "build", "--scratch-path", str(SCRATCH), "--sanitize", "fuzzer", "--product", "fuzz"]
    result = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "PBS_CONNECTOR_FUZZ": "1"},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{result.stdout}")
    return SCRATCH / "debug" / "fuzz"


def targets(executable: Path) -> list[str]:
    """The names of all targets."""
    return subprocess.run([str(executable), "--targets"], check=True, capture_output=True, text=True).stdout.split()


@dataclass(frozen=True)
class Result:
    """How a run ended: libFuzzer's log, and the input that it left where something was wrong."""

    target: str
    status: int
    log: str
    crash: Path | None

    @property
    def summary(self) -> str:
        """One line: how many inputs there were, or what the last of them did."""
        lines = [line for line in self.log.splitlines() if line.strip()]
        if self.status == 0:
            return next((line for line in reversed(lines) if line.startswith("Done ")), "no inputs")
        # A trap says what for before libFuzzer tells of the signal; a hang or growth is libFuzzer's own finding.
        return next((line for line in lines if "Fatal error" in line or "Precondition failed" in line),
                    next((line for line in lines if "ERROR: libFuzzer" in line), f"exit status {self.status}"))


def run(executable: Path, target: str, seconds: int, corpus: Path, crashes: Path) -> Result:
    """Run one target for so many seconds.

    `corpus` is a folder in which what has been found worth keeping is kept for the next run; `crashes` one for
    inputs that end the run.
    """
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    with tempfile.TemporaryDirectory(prefix="pbs-connector-fuzz-") as folder:
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        for name, octets in recorded_seeds(target).items():
            (seeds / name).write_bytes(octets)
        command = [str(executable), f"--target={target}", f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}",
                   f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={INPUT_OCTETS}", f"-dict={HERE / 'dictionary'}",
                   f"-artifact_prefix={crashes}/{target}-", "-print_final_stats=1",
                   str(corpus), str(HERE / "corpus" / target), str(seeds)]
        process = subprocess.run(command, cwd=folder, env=_environment(os.environ), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    left = sorted(set(crashes.iterdir()) - before)
    return Result(target, process.returncode, process.stdout.decode(errors="replace"), left[0] if left else None)


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Swift's own backtraces off: they take the signal from libFuzzer, which then does not write the input."""
    return {**environment, "SWIFT_BACKTRACE": "enable=no"}
