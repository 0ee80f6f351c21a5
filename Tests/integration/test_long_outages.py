"""PBS and the API server away at once, until those who ask for them do so seldom. It looks like the end, and is none."""

from __future__ import annotations

import re

from integration.connector import RunningProcess
from integration.site import Site

# Waits double up to 30 s for the API server, to 10 s for PBS. From so many seconds on both have been away for 8 s at the
# least, and as a rule for 12, which is where PBS's waits are longest; an hour would be more of the same waits.
LONG_WAIT = 8.0


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def wait_until_seldom(process: RunningProcess, timeout: float) -> None:
    """Wait until the process says that it tries again in LONG_WAIT or more."""
    position = len(process.lines)
    while True:
        line = process.wait_for_log("trying again in", timeout, after=position)
        position = process.lines.index(line, position) + 1
        wait = re.search(r"trying again in ([\d.]+) s", line)
        if wait and float(wait[1]) >= LONG_WAIT:
            return


def test_pbs_and_the_api_away_until_they_are_seldom_asked_end_nothing(site: Site) -> None:
    site.connector.start()
    pods = {name: site.create(name) for name in ("running-1", "running-2")}
    for name in pods:
        site.wait_bound(name)
    site.pbs.set_scheduling(False)
    for name in ("queued-1", "queued-2"):
        pods[name] = site.create(name)
        site.wait_jobs(uid(pods[name]), 1)
    before = {job.id for job in site.live_jobs()}

    site.pbs.stop()
    site.kubernetes.stop()
    wait_until_seldom(site.connector["kube-watcher"], timeout=60)
    site.kubernetes.start()
    site.pbs.start()

    assert {job.id for job in site.live_jobs()} == before
    site.pbs.set_scheduling(True)
    pods["new"] = site.create("new")
    for name in pods:
        site.wait_bound(name, timeout=60)
    # Each has the only job that it ever had.
    assert {uid(pods[name]): site.job_id_of(name) for name in pods} == {job.pod_uid: job.id for job in site.pbs.jobs.values()}
    assert len(site.pbs.jobs) == len(pods)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]
    ids = [int(site.job_id_of(name).split(".")[0]) for name in ("queued-1", "queued-2", "new")]
    assert ids == sorted(ids), "who waited has kept its place"
