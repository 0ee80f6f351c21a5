"""A pod that has waited for a while and is resized then: its job follows, and keeps its place."""

from __future__ import annotations

import pytest

from integration.site import Site
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.simulated_pbs("the resize is the API's, and which PBS there is plays no part")


def test_a_pod_that_grows_while_it_waits_keeps_its_job(site: Site, pbs: PBSSimulator) -> None:
    """What PBS has told of the job before is smaller than what the pod asks for now, and means nothing."""
    site.connector.start()
    pod = site.create("grows", cpu="100")
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    site.wait_condition("grows", "PodScheduled", job.id)
    for cpu in ("101", "1"):
        site.kubernetes.resize_pod("default", "grows", {"cpu": cpu, "memory": "64Mi"})
        select = f"1:ncpus={cpu}:mem=64mb"
        pbs.wait(lambda _, select=select: job.request.listed["select"] == select, 15, "the job altered")
    site.wait_bound("grows")
    assert site.job_id_of("grows") == job.id
    assert [one.id for one in pbs.jobs.values() if one.pod_uid == pod["metadata"]["uid"]] == [job.id]
