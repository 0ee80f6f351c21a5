"""Compares two runs: python3 -m bench.compare BASE.json NEW.json (`make bench-compare BASE=old.json`).

Ratios are compared where both runs have one, since they carry over to another machine or hour; else the
figures. What got worse by more than 10% is named at the end, and is exit status 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .results import Result, read

TOLERANCE = 0.1


def change(base: Result, new: Result) -> float | None:
    """By what share the new figure is better (above 0) or worse; None where the base is 0."""
    before, after = (base.ratio, new.ratio) if base.ratio is not None and new.ratio is not None else (base.value, new.value)
    if before <= 0 or after <= 0:
        return None
    return after / before - 1 if new.better == "higher" else before / after - 1


def compare(base: dict[str, Result], new: dict[str, Result]) -> tuple[list[str], list[str]]:
    """Lines of a table, and the names of what got worse by more than the tolerance."""
    lines, worse = [], []
    for name, result in new.items():
        before = base.get(name)
        if before is None:
            lines.append(f"  {name:<58} {'':>10} {result.value:10.2f} {result.unit:<9} new")
            continue
        share = change(before, result)
        by = "ratio" if before.ratio is not None and result.ratio is not None else "value"
        text = "" if share is None else f"{100 * share:+6.0f}% by {by}"
        lines.append(f"  {name:<58} {before.value:10.2f} {result.value:10.2f} {result.unit:<9} {text}".rstrip())
        if share is not None and share < -TOLERANCE:
            worse.append(name)
    lines += [f"  {name:<58} is no longer measured" for name in base if name not in new]
    return lines, worse


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    parser.add_argument("base", type=Path)
    parser.add_argument("new", type=Path)
    arguments = parser.parse_args()
    lines, worse = compare(read(arguments.base), read(arguments.new))
    print("\n".join(lines))
    for name in worse:
        print(f"worse by more than {100 * TOLERANCE:.0f}%: {name}")
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
