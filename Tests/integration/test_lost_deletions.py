"""A job that PBS queues again while it is being deleted: its deletion is lost, and asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import running_site
from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("a job is queued again in the moment of its deletion")

# Seconds from qdel to the end of a job's processes: longer than the test.
KILL_DELAY = 600.0


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[PBSSimulator]:
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 2, "mem": "8gb"}}, kill_delay=KILL_DELAY) as simulator:
        yield simulator


@pytest.fixture
def site(tmp_path: Path, pbs: PBSSimulator) -> Iterator[Site]:
    kubernetes = KubernetesSimulator()
    kubernetes.create_node("node1", cpu="2", memory="8Gi")
    yield from running_site(tmp_path, kubernetes, pbs)


@pytest.mark.parametrize("again", ["requeued", "run again"])
def test_it_is_deleted_again_at_once(site: Site, pbs: PBSSimulator, again: str) -> None:
    site.connector.start()
    site.create("redis")
    site.wait_bound("redis", 30)
    job = site.job_id_of("redis")
    assert job is not None
    site.kubernetes.remove_pod("default", "redis")
    pbs.wait(lambda p: p.job(job).deleted_by is not None, 30, f"{job} being deleted")
    site.connector["pbs-broker"].wait_for_log(f"deleting job {job}", 30)
    if again == "requeued":
        pbs.set_scheduling(False)
        pbs.requeue(job)
        # A waiting job is gone with its deletion.
        pbs.wait(lambda p: not p.job(job).live, 50, f"the end of {job}")
    else:
        pbs.rerun(job)
        deletions = sum(entry.kind == "deleted" for entry in pbs.record)
        pbs.wait(lambda p: sum(entry.kind == "deleted" for entry in p.record) > deletions, 50, f"another deletion of {job}")
    site.connector["pbs-broker"].wait_for_log("was queued again while it was being deleted", 10)
