"""The chaos test at length: `python3 -m chaos --minutes 30 [--seed N] [--kubernetes real]`, with PYTHONPATH=Tests."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from real.kubernetes import RealKubernetes

from .run import run

PODS_PER_SECOND = 5.0


def main() -> int:
    """Returns 0 where nothing was violated."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long things fail (default 1)")
    parser.add_argument("--pods", type=int, help=f"how many pods arrive meanwhile (default {PODS_PER_SECOND:g} a second)")
    parser.add_argument("--seed", type=int, help="what happens, and to whom (default: another one each time)")
    parser.add_argument("--kubernetes", choices=("simulated", "real"), default="simulated",
                        help="the Kubernetes API: a simulated one, or a real kube-apiserver with its etcd (default: simulated)")
    parser.add_argument("--log", type=Path, help="where to write what happened (default: a new file, kept where there are problems)")
    options = parser.parse_args()
    real = options.kubernetes == "real"
    if real and (reason := RealKubernetes.missing()) is not None:
        parser.error(f"no real Kubernetes here: {reason}")
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    seconds = options.minutes * 60
    pods = int(seconds * PODS_PER_SECOND) if options.pods is None else options.pods
    print(f"chaos: seed {seed}, {pods} pods in {seconds:g} s, {options.kubernetes} Kubernetes", flush=True)
    with tempfile.TemporaryDirectory(prefix="pbs-connector-chaos-") as directory:
        result = run(Path(directory), seed, pods, seconds, real)
    print(result.report())
    if result.problems or options.log:
        log = options.log or Path(tempfile.mkdtemp(prefix="chaos-")) / "chaos.log"
        log.write_text("\n".join(result.log) + "\n")
        print(f"what happened is in {log}")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
