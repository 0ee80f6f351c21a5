"""Everything fails at random for a while, and nothing is lost, doubled or left behind.

    CHAOS_SEED      what happens, and to whom; printed by each run (default 1)
    CHAOS_SECONDS   how long things fail (default 60)
    CHAOS_PODS      how many pods arrive meanwhile (default 300)
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chaos.run import run


def test_nothing_is_lost_doubled_or_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or 1)
    with capsys.disabled():
        # At once, so that it is known of a run that hangs as well.
        print(f"\nchaos: CHAOS_SEED={seed}", flush=True)
        result = run(tmp_path, seed, int(os.environ.get("CHAOS_PODS") or 300), float(os.environ.get("CHAOS_SECONDS") or 60))
        print(result.report())
        if result.problems:
            log = tmp_path / "chaos.log"
            log.write_text("\n".join(result.log) + "\n")
            print(f"chaos: what happened is in {log}")
    assert result.problems == []
