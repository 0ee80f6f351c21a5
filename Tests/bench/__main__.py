"""Speed, cost and memory of the connector: python3 -m bench (PYTHONPATH=Tests; `make bench` builds the executables first).

All but `broker` runs against a real kube-apiserver, with a simulated PBS that starts jobs at once, and each figure of
speed stands beside another of the same run: plain Binding posts by a minimal compiled client, and kube-scheduler
where it is there. Where a real PBS answers (as for `make test-real`), jobs and pods on it are timed as well.
docs/performance.md says what the figures were, and on which machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from typing import Sequence

from integration.connector import program_folder
from real.kubernetes import VERSION
from simulators.pbs import BACKEND

from . import broker, frames, growth, latency, real_pbs, throughput
from .results import Results
from .site import BenchSite

PARTS = ("throughput", "latency", "growth", "frames", "broker", "real-pbs")


def versions() -> dict[str, str]:
    own = subprocess.run([program_folder() / "pbs-broker", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"connector": own, "Kubernetes": VERSION, "PBS": "simulated"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=5000, help="of throughput and frames (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="of latency (default: %(default)s)")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=[1000, 10_000],
                        help="numbers of pods of growth and broker (default: 1000,10000)")
    parser.add_argument("--jobs", type=int, default=1000, help="of real-pbs (default: %(default)s)")
    parser.add_argument("--backend", default="libpbs", choices=("libpbs", "commands"),
                        help="how pbs-broker talks to PBS, simulated or real (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures go, for bench-compare (default: %(default)s)")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)} (default: all)")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    os.environ[BACKEND] = arguments.backend
    results = Results({**versions(), "backend": arguments.backend})
    if "broker" in parts:
        broker.measure(results, arguments.sizes)
    if set(parts) != {"broker"}:
        on_kubernetes(results, parts, arguments)
    results.write(arguments.json)
    print(f"\nwritten to {arguments.json}")


def on_kubernetes(results: Results, parts: Sequence[str], arguments: argparse.Namespace) -> None:
    """The parts that need a kube-apiserver."""
    with BenchSite.running() as site:
        if "throughput" in parts:
            throughput.measure(site, results, arguments.pods)
        if "latency" in parts:
            latency.measure(site, results, arguments.seconds)
        if "growth" in parts:
            growth.measure(site, results, arguments.sizes)
        if "frames" in parts:
            frames.measure(site, results, arguments.pods)
        if "real-pbs" in parts:
            real_pbs.measure(site, results, arguments.jobs, arguments.backend)


if __name__ == "__main__":
    main()
