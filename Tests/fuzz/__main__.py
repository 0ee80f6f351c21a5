"""Fuzzing at length: `python3 -m fuzz --seconds 60 [TARGET...]`, with PYTHONPATH=Tests."""

from __future__ import annotations

import argparse
import sys

from fuzz import fuzzer


def main() -> int:
    """Returns 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs (default 60)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="which ones (default all)")
    options = parser.parse_args()
    reason = fuzzer.missing()
    if reason:
        parser.exit(2, f"fuzz: {reason}\n")
    executable = fuzzer.build()
    known = fuzzer.targets(executable)
    unknown = set(options.targets) - set(known)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(known)}")
    failed = 0
    for target in options.targets or known:
        result = fuzzer.run(executable, target, options.seconds, fuzzer.SCRATCH / "corpus" / target, fuzzer.SCRATCH / "crashes")
        print(f"{target}: {result.summary}", flush=True)
        if result.status != 0:
            failed += 1
            log = fuzzer.SCRATCH / "crashes" / f"{target}.log"
            log.write_text(result.log)
            print(f"  log: {log}", flush=True)
            if result.crash:
                print(f"  input: {result.crash}\n  again: {executable} --target={target} {result.crash}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
