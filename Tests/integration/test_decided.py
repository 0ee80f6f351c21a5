"""What PBS has decided comes back to the pod: when its job may start, and what it was given."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integration.site import Site
from simulators.pbs import PBSSimulator


def annotation(site: Site, name: str, key: str) -> str | None:
    pod = site.pod(name)
    found: dict[str, Any] = (pod or {}).get("metadata", {}).get("annotations") or {}
    return found.get("pbs-connector/" + key)


def test_what_pbs_gave_stands_on_the_pod(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("redis", cpu="2")
    node = site.wait_bound("redis")["spec"]["nodeName"]
    given = annotation(site, "redis", "exec-vnode")
    (job,) = site.jobs_of(str(pod["metadata"]["uid"]))
    assert given is not None and given == job.exec_vnode and given.startswith(f"({node}:ncpus=2")
    assert site.events_of("redis", "UnknownAnnotation") == []


@pytest.mark.simulated_pbs("an estimate of a moment, which the site's scheduler has to compute")
def test_the_estimated_start_of_a_waiting_job_is_told_sparingly(either_site: Site, pbs: PBSSimulator) -> None:
    site = either_site
    pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("redis")
    (job,) = site.wait_jobs(str(pod["metadata"]["uid"]), 1)
    start = (int(time.time()) // 60 + 600) * 60
    pbs.estimate(job.id, start + 7, "Not Running: Not enough free nodes available")
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    site.wait(lambda _: annotation(site, "redis", "estimated-start") == told)
    version = (site.pod("redis") or {})["metadata"]["resourceVersion"]
    # Another second is the same, and another minute not told at once.
    for seconds in (8, 21, 75, 130):
        pbs.estimate(job.id, start + seconds, "Not Running: Not enough free nodes available")
        time.sleep(0.5)
    assert (site.pod("redis") or {})["metadata"]["resourceVersion"] == version
    pbs.set_scheduling(True)
    site.wait_bound("redis")
    assert site.events_of("redis", "UnknownAnnotation") == []
