"""`make simulate HOURS=10000 SEED=7`: so many hours of sites, each seed another one."""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from simulation.runs import LONGEST, run_all


def main() -> int:
    """Fails at the first run in which something was wrong, and prints what."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=1000)
    parser.add_argument("--seed", type=int, help="a fresh one where there is none")
    parser.add_argument("--longest", type=float, default=LONGEST, help="hours of one run: each is another site")
    parser.add_argument("--small", action="store_true", help="no sites of two hosts, which cost most")
    arguments = parser.parse_args()
    small = ["small"] if arguments.small else []
    seed = arguments.seed if arguments.seed is not None else random.randint(1, 999_999_999)
    print(f"simulation: HOURS={arguments.hours:g} SEED={seed}", flush=True)
    began = time.monotonic()
    for ended in run_all(arguments.program, arguments.hours, seed, *small, longest=arguments.longest):
        print(ended.output, end="", flush=True)
        if ended.status != 0:
            print(f"again, alone: make simulate HOURS={ended.hours:g} SEED={ended.seed}{' SMALL=1' if small else ''}")
            return 1
    took = time.monotonic() - began
    print(f"simulation: all is well, {arguments.hours / took:.0f} hours a second")
    return 0


sys.exit(main())
