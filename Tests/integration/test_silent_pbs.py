"""Pods that wait while PBS does not say why."""

from __future__ import annotations

import pytest

from integration.site import Site


def test_a_pod_says_that_pbs_does_not_say_why_it_waits(site: Site) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("waits")
    site.wait_condition("waits", "PodScheduled", "waits in the queue of workq, and PBS does not say why", 60)
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    site.wait_event("waits", "FailedScheduling", f"job {job.id}: waits in the queue")
    site.pbs.set_scheduling(True)
    site.wait_bound("waits", 30)
    assert site.job_id_of("waits") == job.id


@pytest.mark.simulated_pbs("how long a host needs to report cannot be chosen")
def test_a_pod_says_that_its_start_takes_long(site: Site) -> None:
    site.pbs.settings.start_delay = 3600
    site.connector.start()
    site.create("slow")
    site.wait_condition("slow", "PodScheduled", "PBS is starting it on node1, which takes long (substate 41)", 60)
    assert site.node_of("slow") is None
