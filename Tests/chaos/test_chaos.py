"""Everything fails at random for a while, and nothing is lost, doubled or left behind.

    CHAOS_SEED      what happens, and to whom; printed by each run (default 1, or 4 on a real kube-apiserver)
    CHAOS_SECONDS   how long things fail (default 60)
    CHAOS_PODS      how many pods arrive meanwhile (default 300)

and CHAOS_REAL_SECONDS (default 20), CHAOS_REAL_PODS (default 60) on a real kube-apiserver.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chaos.run import run
from real.kubernetes import RealKubernetes


def check(directory: Path, capsys: pytest.CaptureFixture[str], seed: int, pods: int, seconds: float, real: bool = False) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or seed)
    with capsys.disabled():
        # At once, so that it is known of a run that hangs as well.
        print(f"\nchaos: CHAOS_SEED={seed}", flush=True)
        result = run(directory, seed, pods, seconds, real)
        print(result.report())
        if result.problems:
            log = directory / "chaos.log"
            log.write_text("\n".join(result.log) + "\n")
            print(f"chaos: what happened is in {log}")
    assert result.problems == []


def test_nothing_is_lost_doubled_or_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(tmp_path, capsys, 1, int(os.environ.get("CHAOS_PODS") or 300), float(os.environ.get("CHAOS_SECONDS") or 60))


@pytest.mark.real_api
def test_nothing_is_lost_doubled_or_left_behind_on_a_real_api_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"no real Kubernetes here: {reason}")
    # Of this seed's first 20 s the API server's death is a part, and that of the kube-watcher that leads.
    check(tmp_path, capsys, 4, int(os.environ.get("CHAOS_REAL_PODS") or 60), float(os.environ.get("CHAOS_REAL_SECONDS") or 20),
          real=True)
